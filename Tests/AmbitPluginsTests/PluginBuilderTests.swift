import AmbitPlugins
import AmbitSystem
import Foundation
import TestSupport
import Testing

@Suite struct `Building plugins` {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("", to: "plugins/notes.txt")
  }

  private var plugins: String { "\(folder.path)/plugins" }

  private static func source(_ name: String) -> String {
    """
    #include <ambit.h>
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "\(name)"};

    """
  }

  private func builder(header: String? = nil, environment: [String: String] = [:]) throws -> PluginBuilder {
    let headers = try PluginHeaders(["ambit.h": header ?? Places.header()], in: "\(folder.path)/include")
    let usual = ["TMPDIR": folder.path, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""]
    let toolchain = try Toolchain(environment: environment.merging(usual) { first, _ in first })
    return PluginBuilder(directory: plugins, headers: headers, toolchain: toolchain)
  }

  /// What became of each folder.
  private func build(
    header: String? = nil, environment: [String: String] = [:]
  ) throws -> [String: BuildReport.Result] {
    let report = try builder(header: header, environment: environment).build()
    return Dictionary(uniqueKeysWithValues: report.entries.map { ($0.name, $0.result) })
  }

  private func load(_ name: String) throws -> LoadedPlugin {
    try LoadedPlugin.load(PluginFile(path: "\(plugins)/\(name).so"))
  }

  @Test func `Building makes a library of each folder with C or C++ sources`() throws {
    try folder.write(Self.source("one"), to: "plugins/one/one.c")
    try folder.write(Self.source("two"), to: "plugins/two/two.cpp")
    #expect(try build() == ["one": .built, "two": .built])
    #expect(try load("one").declaration.name == "one")
    #expect(try load("two").declaration.name == "two")
  }

  @Test func `Building compiles each source in its own language`() throws {
    try folder.write("int three(void) { int class = 3; return class; }", to: "plugins/mixed/c_only.c")
    let entry = "#include <new>\nextern \"C\" int three(void);\nstatic int number = three();\n" + Self.source("mixed")
    try folder.write(entry, to: "plugins/mixed/entry.cc")
    #expect(try build() == ["mixed": .built])
    #expect(try load("mixed").declaration.name == "mixed")
  }

  @Test func `Building builds again when the text of ambit.h has changed, and not when it was written again`() throws {
    try folder.write(Self.source("one"), to: "plugins/one/one.c")
    _ = try build()
    #expect(try build() == ["one": .upToDate])
    #expect(try build(header: Places.header() + "/* more */\n") == ["one": .built])
  }

  @Test func `Building goes on after a plugin that fails, whose last library stays`() throws {
    try folder.write("int broken(", to: "plugins/broken/broken.c")
    try folder.write("last good", to: "plugins/broken.so")
    try folder.write(Self.source("good"), to: "plugins/good/good.c")
    let report = try builder().build()
    #expect(report.entries.map(\.name) == ["broken", "good"])
    #expect(report.entries.map(\.result) == [.failed(nil), .built])
    #expect(report.failureCount == 1)
    #expect(try String(contentsOfFile: "\(plugins)/broken.so", encoding: .utf8) == "last good")
    let left = try FileManager.default.contentsOfDirectory(atPath: plugins).sorted()
    #expect(left == [".good.build", "broken", "broken.so", "good", "good.so", "notes.txt"])
  }

  @Test func `Building finds a symbol that is defined nowhere`() throws {
    try folder.write("int nowhere(void);\nint here(void) { return nowhere(); }\n", to: "plugins/one/one.c")
    #expect(try build() == ["one": .failed(nil)])
  }

  @Test func `Building puts a new library in the place of the old one, whose users keep it`() throws {
    try folder.write(Self.source("one"), to: "plugins/one/one.c")
    try folder.write("in use", to: "plugins/one.so")
    let old = try #require(FileHandle(forReadingAtPath: "\(plugins)/one.so"))
    #expect(try build() == ["one": .built])
    #expect(try old.readToEnd() == Data("in use".utf8))
  }

  @Test func `Building hides all symbols but the entry`() throws {
    try folder.write("int shared(void) { return 1; }\n" + Self.source("one"), to: "plugins/one/one.c")
    _ = try build()
    let library = try #require(dlopen(try load("one").copy.path, RTLD_NOW | RTLD_NOLOAD))
    #expect(dlsym(library, "ambit_plugin_entry") != nil)
    #expect(dlsym(library, "shared") == nil)
  }

  @Test func `Building takes compiler and flags from the environment`() throws {
    try folder.write(Self.source("NAME").replacing("\"NAME\"", with: "NAME"), to: "plugins/one/one.c")
    let environment = ["CC": "env cc", "CFLAGS": #"-Wno-error  -DNAME='"flagged"'"#]
    #expect(try build(environment: environment) == ["one": .built])
    #expect(try load("one").declaration.name == "flagged")
  }

  @Test func `Building names a compiler that does not exist`() throws {
    try folder.write(Self.source("one"), to: "plugins/one/one.c")
    let reason = "no-such-compiler: cannot start it: No such file or directory"
    #expect(try build(environment: ["CC": "no-such-compiler"]) == ["one": .failed(reason)])
  }

  @Test func `Building leaves folders without sources and hidden ones alone`() throws {
    try folder.write("print()", to: "plugins/other/other.py")
    try folder.write(Self.source("hidden"), to: "plugins/.hidden/hidden.c")
    #expect(try build() == ["other": .noSources])
  }

  @Test func `Building says that its directory does not exist`() throws {
    let builder = PluginBuilder(
      directory: "\(folder.path)/none", headers: try PluginHeaders([:], in: "\(folder.path)/include"),
      toolchain: try Toolchain(environment: [:]))
    let error = #expect(throws: FileError.self) { try builder.build() }
    #expect(error?.description == "\(folder.path)/none: cannot list the folder: No such file or directory")
  }
}
