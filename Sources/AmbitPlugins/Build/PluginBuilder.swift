package import AmbitSystem

/// Builds the plugins of a folder from source: each `NAME/` with C or C++ files becomes `NAME.so` beside it.
package struct PluginBuilder: Sendable {
  private let directory: String
  private let headers: PluginHeaders
  private let toolchain: Toolchain

  /// - Parameters:
  ///   - directory: The folder whose subfolders are plugins, and that gets the libraries.
  ///   - headers: The headers that plugins include. A library that is older than one of them is out of date.
  package init(directory: String, headers: PluginHeaders, toolchain: Toolchain) {
    self.directory = directory
    self.headers = headers
    self.toolchain = toolchain
  }

  /// Builds each library that is missing, or not newer than every source and header of its folder and every given
  /// header. A failure does not stop the others. The compilers' messages go to standard error. Blocks while they run.
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
  }

  /// Sorted by name.
  package let entries: [Entry]

  package var hasFailures: Bool {
    entries.contains { if case .failed = $0.result { true } else { false } }
  }
}

/// A language that plugins are built from.
enum Language { case c, cxx }

/// The sources of one plugin: the files directly in its folder.
struct SourceFolder {
  /// The library is `NAME.so` beside the folder.
  let name: String
  let path: String
  /// File names, sorted, each with its language; empty if the folder is no C or C++ plugin.
  let sources: [(name: String, language: Language)]
  private let headers: [String]

  /// Lists the folder's files. Nil if it is not a folder.
  init?(_ name: String, in parent: String) throws(FileError) {
    path = "\(parent)/\(name)"
    guard (try? FileStatus(of: path))?.kind == .folder else { return nil }
    self.name = name
    let names = try namesInFolder(path)
    sources = names.compactMap { name in Self.language(of: name).map { (name, $0) } }
    headers = names.filter { Self.headerSuffixes.contains(Self.suffix(of: $0)) }
  }

  /// The language whose compiler links the plugin: C++ if one of the sources is C++.
  var linkLanguage: Language { sources.contains { $0.language == .cxx } ? .cxx : .c }

  /// The last change of any source or header, in nanoseconds since 1970.
  func lastChange() throws(FileError) -> Int64 {
    var last = Int64.min
    for name in sources.map(\.name) + headers { last = max(last, try FileStatus(of: "\(path)/\(name)").modified) }
    return last
  }

  private static let headerSuffixes: Set = ["h", "hh", "hpp", "hxx"]

  private static func language(of name: String) -> Language? {
    switch suffix(of: name) {
    case "c": .c
    case "cc", "cpp", "cxx": .cxx
    default: nil
    }
  }

  private static func suffix(of name: String) -> String {
    name.hasPrefix(".") ? "" : name.split(separator: ".").dropFirst().last.map(String.init) ?? ""
  }
}
