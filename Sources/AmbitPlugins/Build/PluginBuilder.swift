package import AmbitSystem

/// Builds the plugins of a folder from source: each `NAME/` with C or C++ files becomes `NAME.so` beside it.
package struct PluginBuilder: Sendable {
  private let directory: String
  private let headers: PluginHeaders
  private let toolchain: Toolchain
  private let commands: EndableCommands?

  /// - Parameters:
  ///   - directory: The folder whose subfolders are plugins, and that gets the libraries.
  ///   - headers: The headers that plugins include.
  ///   - commands: What runs the compilers, if another thread may end them.
  package init(
    directory: String, headers: PluginHeaders, toolchain: Toolchain, commands: EndableCommands? = nil
  ) {
    self.directory = directory
    self.headers = headers
    self.toolchain = toolchain
    self.commands = commands
  }

  /// Builds each library that is missing, or was built from something else than a build would use now: see
  /// `BuildRecord`. A failure does not stop the others. The compilers' messages go to standard error. Blocks while they
  /// run, and while another process builds in the same folder.
  /// - Parameters:
  ///   - waiting: is called if another process builds in the folder, before the wait for its end.
  ///   - report: is called with each entry when it is known.
  /// - Throws: only if the folder cannot be listed.
  package func build(
    waiting: () -> Void = {}, report: (BuildReport.Entry) -> Void = { _ in }
  ) throws(FileError) -> BuildReport {
    let lock = BuildLock(directory, waiting)
    defer { withExtendedLifetime(lock) {} }
    removeRests()
    var entries: [BuildReport.Entry] = []
    var leftOut: [LeftOut] = []
    let names = try namesInFolder(directory)
    for name in names {
      guard !name.hasPrefix("."), let built = entry(name, &leftOut) else {
        leftOut += LeftOut(entry: name, of: directory).map { [$0] } ?? []
        continue
      }
      entries.append(built)
      report(built)
    }
    let orphans = names.compactMap { OrphanLibrary(ofRecord: $0, in: directory) }
    return BuildReport(entries: entries, leftOut: leftOut, orphans: orphans)
  }

  /// Builds the plugin of one folder; nil if there is no such folder.
  private func entry(_ name: String, _ leftOut: inout [LeftOut]) -> BuildReport.Entry? {
    do throws(FileError) {
      guard let folder = try SourceFolder(name, in: directory) else { return nil }
      leftOut += folder.leftOut
      return try build(folder)
    } catch {
      return BuildReport.Entry(name: name, result: .failed(error.description))
    }
  }

  private func build(_ folder: SourceFolder) throws(FileError) -> BuildReport.Entry {
    guard !folder.sources.isEmpty else { return BuildReport.Entry(name: folder.name, result: .noSources) }
    let compilers: Compilers
    do throws(NoCompiler) { compilers = try Compilers(for: folder.languages, toolchain) } catch {
      return BuildReport.Entry(name: folder.name, result: .failed(error.description))
    }
    let recipe = BuildRecipe(folder, toolchain, compilers)
    var cause: String?
    if Paths.exists("\(directory)/\(folder.name).so") {
      if let record = BuildRecord.read(of: folder.name, in: directory) {
        guard let change = record.change(to: recipe, in: directory) else {
          return BuildReport.Entry(name: folder.name, result: .upToDate)
        }
        cause = change
      } else {
        // A record has a line for each path.
        cause =
          folder.name.contains { $0.isNewline }
          ? "no record can be kept for a name with a line break; rename the folder"
          : "nothing tells what \(folder.name).so was built from"
      }
    }
    let job = PluginCompilation(
      folder: folder, directory: directory, headers: headers, toolchain: toolchain, compilers: compilers,
      commands: commands)
    let isBuilt = try job.run(recording: recipe)
    return BuildReport.Entry(
      name: folder.name, result: isBuilt ? .built : .failed(nil), cause: cause,
      compilers: folder.languages.map { compilers[$0].name })
  }

  /// Removes what builds that were interrupted have left: `.NAME.so.PID.new` here, and folders for object files.
  private func removeRests() {
    for name in (try? namesInFolder(directory)) ?? [] where name.hasPrefix(".") && name.hasSuffix(".new") {
      let parts = name.split(separator: ".")
      guard parts.count >= 4, ["so", "build"].contains(parts[parts.count - 3]), Int32(parts[parts.count - 2]) != nil
      else { continue }
      Paths.remove("\(directory)/\(name)")
    }
    let parent = toolchain.temporaryFolder
    for name in (try? namesInFolder(parent)) ?? [] where name.hasPrefix(PluginCompilation.prefix) {
      if FolderLock.isAbandoned("\(parent)/\(name)") { removeFolder("\(parent)/\(name)") }
    }
  }
}

/// The result for each folder that could be a plugin's.
package struct BuildReport: Equatable, Sendable {
  package enum Result: Equatable, Sendable {
    case built
    case upToDate
    /// The folder has no C or C++ source: it is no plugin, or one in another language.
    case noSources
    /// The reason; nil if a compiler or linker failed, which has written the reason to standard error.
    case failed(String?)
  }

  package struct Entry: Equatable, Sendable {
    /// The name of the folder, and of the library without ".so".
    package let name: String
    package let result: Result
    /// Why it was not up to date; nil if there was no library, or it was up to date.
    package var cause: String?
    /// What was called to compile it.
    package var compilers: [String] = []
  }

  /// Sorted by name.
  package let entries: [Entry]
  /// What else looks like source code, and is not compiled.
  package let leftOut: [LeftOut]
  /// Libraries of earlier builds whose sources are gone.
  package let orphans: [OrphanLibrary]

  /// How many plugins could not be built.
  package var failureCount: Int { entries.count { if case .failed = $0.result { true } else { false } } }
}
