internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitSystem
internal import Logging
internal import Synchronization

extension Host {
  /// Where reports on deaths are written; nil: nowhere.
  func crashFolder(of configuration: HostConfiguration) -> String? {
    if let folder = configuration.crashDirectory { return source.resolve(folder) }
    let state = LastGoodCopies.stateFolder(HostProcess.environment, isRoot: HostProcess.user == 0)
    return state.flatMap { Paths.exists($0) ? "\($0)/crashes" : nil }
  }
}

/// The folder with a report on each of the last deaths of workers. Reports are written by a thread of their own, since
/// it takes up to a second to look up source lines. From any thread; nothing waits.
final class CrashReports: Sendable {
  /// How many reports are kept.
  private static var kept: Int { 10 }
  /// If more reports wait to be written, they are written without source lines.
  private static var mostLookups: Int { 3 }
  private static var suffix: String { ".crash.txt" }

  private struct State {
    /// Nil if no reports are written.
    var folder: String?
    var thread: WorkThread?
    var waiting = 0
    var count = 0
  }

  private let state = Mutex(State())

  /// Writes reports into a folder, which is made with the first one; nil: none are written.
  func use(_ folder: String?) { state.withLock { $0.folder = folder } }

  /// Writes the report in a moment.
  /// - Returns: the path of its file; nil if none is written.
  func write(_ death: Death) -> String? {
    state.withLock { state in
      guard let folder = state.folder else { return nil }
      state.thread = state.thread ?? (try? WorkThread(for: "crash reports", name: "ambit-reports"))
      guard let thread = state.thread else { return nil }
      state.count += 1
      state.waiting += 1
      let lookup = state.waiting <= Self.mostLookups
      let time = Timestamp.text(of: death.at).filter { !":".contains($0) }
      let path = "\(folder)/\(time)-worker\(death.worker)-\(death.pid)\(Self.suffix)"
      thread.post { [self] in
        Self.write(death, to: path, in: folder, withLines: lookup)
        self.state.withLock { $0.waiting -= 1 }
      }
      return path
    }
  }

  private static func write(_ death: Death, to path: String, in folder: String, withLines: Bool) {
    let lines = withLines ? SourceLines.look(up: death.record) : [:]
    do throws(FileError) {
      if !Paths.exists(folder) { try Paths.makeFolders(folder) }
      let text = CrashReportText(death, lines: lines).text
      _ = try replaceFile(path) { (temporary) throws(FileError) in
        try OpenFile(creatingOwn: temporary, mode: 0o600).write(Array(text.utf8))
        return true
      }
      let names = try namesInFolder(folder).filter { $0.hasSuffix(suffix) }
      for name in names.dropLast(kept) { Paths.remove("\(folder)/\(name)") }
    } catch {
      Logger(label: "ambit").warning(
        "the report on the death of worker \(death.worker) (pid \(death.pid)) is not written: \(error)",
        metadata: ["worker": "\(death.worker)"])
    }
  }
}
