package import AmbitSystem

/// Builds the plugins of a folder from source: each `NAME/` with C or C++ files becomes `NAME.so` beside it.
package struct PluginBuilder: Sendable {
  private let directory: String
  private let headers: PluginHeaders
  private let toolchain: Toolchain

  /// - Parameters:
  ///   - directory: The folder whose subfolders are plugins, and that gets the libraries.
  ///   - headers: What the plugins include; a library that is older than any of these is out of date.
  package init(directory: String, headers: PluginHeaders, toolchain: Toolchain) {
    self.directory = directory
    self.headers = headers
    self.toolchain = toolchain
  }

  /// Builds what is out of date: a library that is missing, or not newer than each source and header of its folder and
  /// each header given. One that fails does not stop the others. What the compilers say goes to standard error as it
  /// is. Blocks while they run.
  /// - Throws: only if the folder cannot be listed.
  package func build() throws(FileError) -> BuildReport {
    var entries: [BuildReport.Entry] = []
    for name in try namesInFolder(directory) where !name.hasPrefix(".") {
      do throws(FileError) {
        guard let folder = try SourceFolder(name, in: directory) else { continue }
        entries.append(.init(name: name, result: try build(folder)))
      } catch {
        entries.append(.init(name: name, result: .failed(error.description)))
      }
    }
    return BuildReport(entries: entries)
  }

  private func build(_ folder: SourceFolder) throws(FileError) -> BuildReport.Result {
    guard !folder.sources.isEmpty else { return .noSources }
    let library = "\(directory)/\(folder.name).so"
    let change = max(try folder.lastChange(), try headers.lastChange())
    if let built = try? FileStatus(of: library), built.modified > change { return .upToDate }
    return try compile(folder, to: library) ? .built : .failed(nil)
  }

  /// - Returns: whether all commands succeeded; if not, an older library is still there.
  private func compile(_ folder: SourceFolder, to library: String) throws(FileError) -> Bool {
    let objects = try makeUniqueFolder(in: toolchain.temporaryFolder, prefix: "ambit-build-")
    defer { removeFolder(objects) }
    for source in folder.sources {
      let command = toolchain.compile(
        "\(folder.path)/\(source.name)", as: source.language, including: headers.path,
        to: "\(objects)/\(source.name).o")
      guard try ChildProcess(command).succeeds() else { return false }
    }
    return try replaceFile(library) { (temporary) throws(FileError) in
      let command = toolchain.link(
        folder.sources.map { "\(objects)/\($0.name).o" }, as: folder.linkLanguage, to: temporary)
      return try ChildProcess(command).succeeds()
    }
  }
}
