internal import AmbitSystem

/// One build of one plugin: compiles its sources, links its library, and records what it was built from.
///
/// The library comes first and the record after it, each renamed into place when it is whole. So whenever the build ends
/// early, by a signal or a full disk, either nothing has changed, or the record is of another library than the one that
/// is there, and the next build builds again.
struct PluginCompilation {
  /// The beginning of the names of folders for object files.
  static let prefix = "ambit-build-"

  let folder: SourceFolder
  let directory: String
  let headers: PluginHeaders
  let toolchain: Toolchain
  let compilers: Compilers
  /// What runs the compilers, if another thread may end them; nil: they run until they end.
  var commands: EndableCommands?

  /// - Returns: whether all commands succeeded; if not, an older library is still there.
  func run(recording recipe: BuildRecipe) throws(FileError) -> Bool {
    let objects = try makeUniqueFolder(in: toolchain.temporaryFolder, prefix: Self.prefix)
    defer { removeFolder(objects) }
    let lock = try FolderLock(objects)
    defer { withExtendedLifetime(lock) {} }
    let start = Clock.wall
    var read: Set<String>? = []
    for source in folder.sources {
      let (object, rule) = (object(of: source.name, in: objects), "\(objects)/\(source.name).d")
      let command = toolchain.compile(
        "\(folder.path)/\(source.name)", as: source.language, by: compilers[source.language], including: headers.path,
        to: object, rule: rule)
      guard try run(command) else { return false }
      read = read.flatMap { read in files(in: rule).map { read.union($0) } }
    }
    guard let library = try link(objects) else { return false }
    try write(recipe, library, read.map { $0.union(toolchain.namedFiles) }, start: start)
    return true
  }

  /// - Returns: whether the command succeeded.
  private func run(_ command: [String]) throws(FileError) -> Bool {
    if let commands { return try commands.run(command) }
    return try ChildProcess(command).succeeds()
  }

  private func object(of source: String, in objects: String) -> String { "\(objects)/\(source).o" }

  /// The files that the compiler has read; nil if it does not tell.
  private func files(in rule: String) -> [String]? {
    (try? OpenFile(reading: rule).readHead(upTo: BuildRecord.sizeLimit)).flatMap { DependencyRule.files(in: $0) }
  }

  /// - Returns: the new library, open; nil if the linker failed.
  private func link(_ objects: String) throws(FileError) -> OpenFile? {
    let language = folder.linkLanguage
    var library: OpenFile?
    _ = try replaceFile("\(directory)/\(folder.name).so") { (temporary) throws(FileError) in
      let command = toolchain.link(
        folder.sources.map { object(of: $0.name, in: objects) }, as: language, by: compilers[language], to: temporary)
      guard try run(command) else { return false }
      library = try OpenFile(reading: temporary)
      return true
    }
    return library
  }

  /// Writes the record, or removes it if it is not known what the library was built from: then the next build builds
  /// again. So it does if a file was changed since the build has begun, for a compiler may have read it before.
  private func write(
    _ recipe: BuildRecipe, _ library: OpenFile, _ read: Set<String>?, start: Int64
  ) throws(FileError) {
    let path = BuildRecord.path(of: folder.name, in: directory)
    guard let read else { return Paths.remove(path) }
    var inputs: [BuildInput] = []
    for file in read.sorted() {
      guard let input = try? BuildInput(recorded(file), in: directory), input.state.changed <= start else {
        return Paths.remove(path)
      }
      inputs.append(input)
    }
    let built = BuildInput(
      path: "\(folder.name).so", state: FileState(try library.status()), hash: try BuildInput.hash(of: library))
    let record = BuildRecord(recipe: recipe.lines, library: built, inputs: inputs)
    _ = try replaceFile(path) { (temporary) throws(FileError) in
      try OpenFile(creating: temporary, mode: 0o644).write(record.bytes)
      return true
    }
  }

  /// A path that the compiler has written, as the record has it: see `BuildInput.path`. Compilers leave out a `./` in
  /// front.
  private func recorded(_ file: String) -> String {
    guard !file.hasPrefix("/") || directory.hasPrefix("/") else { return file }
    let parent = Self.plain(directory.hasSuffix("/") ? directory : "\(directory)/")
    let plain = Self.plain(file)
    if !file.hasPrefix("/") || !parent.isEmpty, plain.hasPrefix(parent) { return String(plain.dropFirst(parent.count)) }
    return file.hasPrefix("/") ? file : "\(Paths.workingFolder ?? ".")/\(file)"
  }

  /// The path without `./` at its beginning.
  private static func plain(_ path: String) -> Substring {
    var rest = path[...]
    while rest.hasPrefix("./") { rest = rest.dropFirst(2) }
    return rest
  }
}
