internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitSystem
internal import Logging
internal import Synchronization

extension Host {
  /// Has reports on deaths written where the configuration says. A folder that cannot be used is told of now, since it
  /// would be too late when a worker has died.
  func writeReports(_ configuration: HostConfiguration) {
    do throws(FileError) {
      try workers.faults.log.reports.use(crashFolder(of: configuration))
    } catch {
      logger.warning("no reports on deaths of workers are written until a reload can use the folder: \(error)")
    }
  }

  /// Where reports on deaths are written; nil: nowhere.
  private func crashFolder(of configuration: HostConfiguration) -> String? {
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

  private struct State {
    /// Nil if no reports are written.
    var folder: String?
    var thread: WorkThread?
    var waiting = 0
  }

  private let state = Mutex(State())

  /// Writes reports into a folder, which is made if it is missing; nil: none are written.
  /// - Throws: if the folder cannot be made or written. Then none are written.
  func use(_ folder: String?) throws(FileError) {
    do throws(FileError) {
      if let folder {
        if !Paths.exists(folder) { try Paths.makeFolders(folder) }
        try Paths.checkWritable(folder)
      }
      state.withLock { $0.folder = folder }
    } catch {
      state.withLock { $0.folder = nil }
      throw error
    }
  }

  /// Writes the report in a moment.
  /// - Returns: the path of its file; nil if none is written.
  func write(_ death: Death) -> String? {
    state.withLock { state in
      guard let folder = state.folder else { return nil }
      state.thread = state.thread ?? (try? WorkThread(for: "crash reports", name: "ambit-reports"))
      guard let thread = state.thread else { return nil }
      state.waiting += 1
      let lookup = state.waiting <= Self.mostLookups
      let time = Timestamp.text(of: death.at).filter { !":".contains($0) }
      let name = "\(time)-worker\(death.worker)-\(death.pid).crash.txt"
      thread.post { [self] in
        Self.write(death, as: name, in: folder, withLines: lookup)
        self.state.withLock { $0.waiting -= 1 }
      }
      return "\(folder)/\(name)"
    }
  }

  /// Whether a file has a name that only `write` gives. Others in the folder are not the host's.
  private static func isReport(_ name: String) -> Bool {
    name.wholeMatch(of: /\d{4}-\d\d-\d\dT\d{6}\.\d{3}Z-worker\d+-\d+\.crash\.txt/) != nil
  }

  private static func write(_ death: Death, as name: String, in folder: String, withLines: Bool) {
    let lines = withLines ? SourceLines.look(up: death.record) : [:]
    do throws(FileError) {
      if !Paths.exists(folder) { try Paths.makeFolders(folder) }
      let text = CrashReportText(death, lines: lines).text
      _ = try replaceFile("\(folder)/\(name)") { (temporary) throws(FileError) in
        try OpenFile(creatingOwn: temporary, mode: 0o600).write(Array(text.utf8))
        return true
      }
      // The clock may have been ahead when the others were written: the new one stays in any case.
      let others = try namesInFolder(folder).filter { $0 != name && isReport($0) }
      for other in others.dropLast(kept - 1) { Paths.remove("\(folder)/\(other)") }
    } catch {
      Logger(label: "ambit").warning(
        "the report on the death of worker \(death.worker) (pid \(death.pid)) is not written: \(error)",
        metadata: ["worker": "\(death.worker)"])
    }
  }
}
