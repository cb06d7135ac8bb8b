import AmbitPlugins
import AmbitSystem
import Foundation
import Glibc
import TestSupport
import Testing

/// What makes a library out of date.
@Suite struct `Building again` {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(Self.source("\"here.h\""), to: "plugins/one/one.c")
    try folder.write("#define TEXT \"first\"\n", to: "plugins/one/here.h")
  }

  private static func source(_ header: String) -> String {
    """
    #include <ambit.h>
    #include \(header)
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "one", .about = TEXT};

    """
  }

  /// Builds the plugin `one`.
  private func build(_ environment: [String: String] = [:], in plugins: String? = nil) throws -> BuildReport.Entry {
    try #require(report(environment, in: plugins).entries.first { $0.name == "one" })
  }

  private func report(_ environment: [String: String] = [:], in plugins: String? = nil) throws -> BuildReport {
    let plugins = plugins ?? folder.path(of: "plugins")
    let headers = try PluginHeaders(["ambit.h": Places.header()], in: "\(plugins)/.include")
    let usual = ["TMPDIR": folder.path, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""]
    let toolchain = try Toolchain(environment: environment.merging(usual) { first, _ in first })
    return try PluginBuilder(directory: plugins, headers: headers, toolchain: toolchain).build()
  }

  /// Builds, and expects that something was compiled, for a cause that contains `part`; then builds once more, and
  /// expects that nothing is.
  private func expectBuilt(
    because part: String, _ environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let entry = try build(environment)
    #expect(entry.result == .built, sourceLocation: sourceLocation)
    #expect(entry.cause?.contains(part) == true, "\(entry.cause ?? "none")", sourceLocation: sourceLocation)
    #expect(try build(environment).result == .upToDate, sourceLocation: sourceLocation)
  }

  /// Builds, and expects that there was no library.
  private func expectFirstBuild() throws {
    let entry = try build()
    #expect(entry.result == .built && entry.cause == nil && entry.compilers == ["cc"], "\(entry)")
  }

  private func libraryContains(_ text: String) throws -> Bool {
    try Data(contentsOf: URL(filePath: folder.path(of: "plugins/one.so"))).firstRange(of: Data(text.utf8)) != nil
  }

  private func setTime(_ seconds: Int, microseconds: Int = 0, of name: String) throws {
    let time = timeval(tv_sec: seconds, tv_usec: microseconds)
    var times = [time, time]
    try #require(utimes(folder.path(of: name), &times) == 0)
  }

  /// Changes the text of a file, with the same length, and leaves its time.
  private func replaceKeepingTime(_ old: String, _ new: String, in name: String) throws {
    let path = folder.path(of: name)
    var status = stat()
    try #require(stat(path, &status) == 0 && old.utf8.count == new.utf8.count)
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try folder.write(text.replacing(old, with: new), to: name)
    var times = [timeval(tv_sec: status.st_mtim.tv_sec, tv_usec: status.st_mtim.tv_nsec / 1000)]
    times.append(times[0])
    try #require(utimes(path, &times) == 0)
  }

  @Test(arguments: [1_000_000_000, 4_000_000_000], ["plugins/one/one.c", "plugins/one/here.h"])
  func `A file with an older or a newer time than before is compiled again`(time: Int, file: String) throws {
    try expectFirstBuild()
    #expect(try build().result == .upToDate)
    try setTime(time, of: file)
    try expectBuilt(because: "\(file.split(separator: "/").last!) has changed")
  }

  @Test(arguments: ["plugins/one/one.c", "plugins/one/here.h"])
  func `A touch within the second of the last change is a change`(file: String) throws {
    try setTime(1_000_000_000, microseconds: 100_000, of: file)
    try expectFirstBuild()
    for microseconds in [100_001, 200_000, 900_000] {
      try setTime(1_000_000_000, microseconds: microseconds, of: file)
      try expectBuilt(because: "\(file.split(separator: "/").last!) has changed")
    }
  }

  @Test(arguments: [123_456, 123_000, 0])
  func `A time that a copy has cut to microseconds, milliseconds or seconds is no change`(microseconds: Int) throws {
    let exact = timespec(tv_sec: 1_000_000_000, tv_nsec: 123_456_789)
    let times = [exact, exact]
    for file in ["one.c", "here.h"] {
      try #require(utimensat(AT_FDCWD, folder.path(of: "plugins/one/\(file)"), times, 0) == 0)
    }
    try expectFirstBuild()
    for file in ["one.c", "here.h"] {
      try setTime(1_000_000_000, microseconds: microseconds, of: "plugins/one/\(file)")
    }
    #expect(try build().result == .upToDate)
  }

  @Test func `A file with other content is compiled again, though it has the same size and time`() throws {
    _ = try build()
    try setTime(1_000_000_000, of: "plugins/one/here.h")
    _ = try build()
    try replaceKeepingTime("first", "other", in: "plugins/one/here.h")
    try expectBuilt(because: "here.h has changed")
    #expect(try libraryContains("other"))
  }

  @Test(arguments: ["../common/far.h", "ABSOLUTE/elsewhere/far.h"])
  func `A header from anywhere counts, also one that another header includes`(header: String) throws {
    let place = header.replacing("ABSOLUTE", with: folder.path)
    try folder.write("#include \"\(place)\"\n", to: "plugins/one/here.h")
    let file = header.hasPrefix("..") ? "plugins/common/far.h" : "elsewhere/far.h"
    try folder.write("#define TEXT \"first\"\n", to: file)
    _ = try build()
    try folder.write("#define TEXT \"second\"\n", to: file)
    try expectBuilt(because: "far.h has changed")
    #expect(try libraryContains("second"))
  }

  @Test func `A new header in the folder may take the place of one elsewhere`() throws {
    try folder.write(Self.source("<over.h>"), to: "plugins/one/one.c")
    try folder.write("#define TEXT \"first\"\n", to: "elsewhere/over.h")
    let flags = ["CFLAGS": "-I\(folder.path(of: "plugins/one")) -I\(folder.path(of: "elsewhere"))"]
    _ = try build(flags)
    try folder.write("#define TEXT \"second\"\n", to: "plugins/one/over.h")
    try expectBuilt(because: "over.h is new", flags)
    #expect(try libraryContains("second"))
  }

  @Test func `A source that was added, renamed or removed is a change`() throws {
    _ = try build()
    try folder.write("const char *const more = \"more text\";\n", to: "plugins/one/more.c")
    try expectBuilt(because: "more.c is new")
    try FileManager.default.moveItem(
      atPath: folder.path(of: "plugins/one/more.c"), toPath: folder.path(of: "plugins/one/less.c"))
    try expectBuilt(because: "less.c is new")
    try FileManager.default.removeItem(atPath: folder.path(of: "plugins/one/less.c"))
    try expectBuilt(because: "less.c is gone")
  }

  @Test(arguments: ["plugins/one", "plugins/one/one.c", "plugins/one/here.h", "plugins/one/inner", "plugins/one/far.h"])
  func `A link that leads elsewhere is a change, though sizes and times are equal`(link: String) throws {
    // Two releases with equal sizes and times, as many deploys make them.
    for (release, text) in [("v1", "first"), ("v2", "other")] {
      try folder.write(
        Self.source("\"here.h\"") + "const char *const mark = \"\(text) mark\" FAR;\n", to: "\(release)/one.c")
      try folder.write("#include \"inner/far.h\"\n#define TEXT \"\(text)\"\n", to: "\(release)/here.h")
      try folder.write("#include \"../far.h\"\n#define INNER \"\(text) inner\"\n", to: "\(release)/inner/far.h")
      try folder.write("#define FAR \"\(text) far\" INNER\n", to: "\(release)/far.h")
      for file in ["one.c", "here.h", "inner/far.h", "far.h"] { try setTime(1_000_000_000, of: "\(release)/\(file)") }
    }
    let files = FileManager.default
    try files.removeItem(atPath: folder.path(of: "plugins/one"))
    try files.copyItem(atPath: folder.path(of: "v1"), toPath: folder.path(of: "plugins/one"))
    let part = link == "plugins/one" ? "" : String(link.dropFirst("plugins/one".count))
    for release in ["v1", "v2"] {
      try files.removeItem(atPath: folder.path(of: link))
      try files.createSymbolicLink(
        atPath: folder.path(of: link), withDestinationPath: folder.path(of: release + part))
      if release == "v1" { _ = try build() }
    }
    try expectBuilt(because: "has changed")
    #expect(try libraryContains("other"))
  }

  @Test(arguments: [
    ("CFLAGS", "-DMORE=1"), ("CFLAGS", "-O0"), ("LDFLAGS", "-Wl,-z,now"), ("CC", "gcc"), ("CC", "env cc"),
    ("CPATH", "/usr/include"),
  ])
  func `Other flags and another compiler are a change, in both directions`(variable: String, value: String) throws {
    _ = try build()
    let entry = try build([variable: value])
    #expect(entry.result == .built && entry.cause?.hasSuffix("has changed") == true, "\(entry)")
    #expect(try build([variable: value]).result == .upToDate)
    #expect(try build().result == .built)
  }

  @Test func `Flags for a language that a plugin does not use are no change`() throws {
    _ = try build()
    #expect(try build(["CXXFLAGS": "-O0", "CXX": "no-such-compiler"]).result == .upToDate)
  }

  @Test func `Flags with a relative path mean other files in another folder`() throws {
    // The working folder of the tests does not change, so one build claims another one in its record.
    _ = try build(["CFLAGS": "-Irelative"])
    let record = folder.path(of: "plugins/.one.build")
    #expect(try String(contentsOfFile: record, encoding: .utf8).contains("recipe the working folder=/"))
  }

  @Test func `A compiler that was updated in place is a change`() throws {
    let compiler = folder.path(of: "compiler")
    try folder.url.writeScript("exec cc \"$@\"", as: "compiler")
    _ = try build(["CC": compiler])
    #expect(try build(["CC": compiler]).result == .upToDate)
    try folder.url.writeScript("# 2.0\nexec cc \"$@\"", as: "compiler")
    try expectBuilt(because: "the C compiler has changed", ["CC": compiler])
  }

  @Test func `A library that LDFLAGS names is a change`() throws {
    try folder.write("int part(void) { return 1; }\n", to: "part.c")
    let make = "cc -c -fPIC part.c && rm -f libpart.a && ar rc libpart.a part.o"
    try #require(try run("sh", ["-c", make], in: folder.url).status == .exited(0))
    for flags in ["-L\(folder.path) -lpart", folder.path(of: "libpart.a")] {
      _ = try build(["LDFLAGS": flags])
      try folder.write("int part(void) { return 1; }\nint other;\n", to: "part.c")
      try #require(try run("sh", ["-c", make], in: folder.url).status == .exited(0))
      try expectBuilt(because: "libpart.a has changed", ["LDFLAGS": flags])
    }
  }

  @Test func `A file with more flags is a change`() throws {
    let flags = try folder.write("-DMORE=1\n", to: "flags")
    _ = try build(["CFLAGS": "@\(flags)"])
    try folder.write("-DMORE=2\n", to: "flags")
    try expectBuilt(because: "flags has changed", ["CFLAGS": "@\(flags)"])
  }

  @Test func `A library that somebody else has put there, or removed, is built`() throws {
    _ = try build()
    try folder.write("other", to: "plugins/one.so")
    try expectBuilt(because: "one.so is not what the last build made")
    try FileManager.default.removeItem(atPath: folder.path(of: "plugins/one.so"))
    try expectFirstBuild()
  }

  @Test func `A record that is missing, cut short, or no record at all has the library built`() throws {
    _ = try build()
    let record = folder.path(of: "plugins/.one.build")
    let whole = try Data(contentsOf: URL(filePath: record))
    for bytes in [Data(), whole.prefix(whole.count / 2), whole.dropLast(), Data([0xff, 0x00, 0x0a]), whole + whole] {
      try folder.write(Data(bytes), to: "plugins/.one.build")
      try expectBuilt(because: "nothing tells what one.so was built from")
    }
    try FileManager.default.removeItem(atPath: record)
    try expectBuilt(because: "nothing tells what one.so was built from")
  }

  @Test(arguments: ["cp -a plugins moved", "mkdir moved && tar c -C plugins . | tar x -C moved", "mv plugins moved"])
  func `A folder that was copied with its times, or moved, is up to date`(command: String) throws {
    _ = try build()
    let result = try run("sh", ["-c", command], in: folder.url)
    try #require(result.status == .exited(0), "\(result.errors)")
    #expect(try build(in: folder.path(of: "moved")).result == .upToDate)
    try folder.write("#define TEXT \"third\"\n", to: "moved/one/here.h")
    #expect(try build(in: folder.path(of: "moved")).result == .built, "a copy has inputs of its own")
  }

  @Test func `A build that fails is tried again until it succeeds, and the last library stays`() throws {
    _ = try build()
    try folder.write("#define TEXT first\n", to: "plugins/one/here.h")
    for _ in 0..<2 { #expect(try build().result == .failed(nil)) }
    #expect(try libraryContains("first"))
    try folder.write("#define TEXT \"fixed\"\n", to: "plugins/one/here.h")
    try expectBuilt(because: "here.h has changed")
  }

  @Test func `A header that changes while it is compiled is compiled again by the next build`() throws {
    let header = folder.path(of: "plugins/one/here.h")
    let compiler = folder.path(of: "compiler")
    try folder.url.writeScript(
      "cc \"$@\" && cp '\(header)' '\(compiler).h' && cat '\(compiler).h' >'\(header)'", as: "compiler")
    #expect(try build(["CC": compiler]).result == .built)
    #expect(try build(["CC": compiler]).result == .built)
  }

  @Test func `What looks like source code and is not compiled is named with the reason`() throws {
    for name in ["one/extra.rs", "one/.hidden.c", "one/deep/er/b.c", "one/empty/notes.txt", "loose.c", ".dot/x.c"] {
      try folder.write("", to: "plugins/\(name)")
    }
    try FileManager.default.createSymbolicLink(
      atPath: folder.path(of: "plugins/lost"), withDestinationPath: "nowhere")
    let plugins = folder.path(of: "plugins")
    let headers = try PluginHeaders(["ambit.h": Places.header()], in: "\(plugins)/.include")
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let toolchain = try Toolchain(environment: ["TMPDIR": folder.path, "PATH": path])
    let report = try PluginBuilder(directory: plugins, headers: headers, toolchain: toolchain).build()
    let found = Dictionary(
      uniqueKeysWithValues: report.leftOut.map { (String($0.path.dropFirst(plugins.count + 1)), $0.reason) })
    #expect(
      found == [
        "one/extra.rs": "Rust is not compiled here, only C and C++", "one/.hidden.c": "its name begins with a dot",
        "one/deep": "only sources directly in \(plugins)/one are compiled", ".dot": "its name begins with a dot",
        "loose.c": "each plugin has a folder of its own; move the file to \(plugins)/loose/loose.c",
        "lost": "the link leads nowhere",
      ])
  }

  @Test(arguments: ["rm -r one", "mv one two", "rm one/one.c", "rm one/one.c && echo >one/one.rs"])
  func `A library whose folder or sources are gone is named by each build, and stays`(command: String) throws {
    #expect(try report().orphans == [])
    let plugins = folder.path(of: "plugins")
    try #require(try run("sh", ["-c", "cd plugins && \(command)"], in: folder.url).status == .exited(0))
    let isFolderLeft = command.hasPrefix("rm one/")
    let reason =
      isFolderLeft ? "the C and C++ sources in \(plugins)/one are gone" : "the folder \(plugins)/one is gone"
    for _ in 0..<2 {
      let orphans = try report().orphans
      #expect(orphans.map(\.path) == ["\(plugins)/one.so"] && orphans.map(\.reason) == [reason])
    }
    #expect(try libraryContains("first"))
    try FileManager.default.removeItem(atPath: "\(plugins)/one.so")
    #expect(try report().orphans == [])
  }

  @Test func `A library that no build has made is not named, whether it was always there or took the place of one`()
    throws
  {
    try folder.write("any", to: "plugins/other.so")
    _ = try build()
    try FileManager.default.removeItem(atPath: folder.path(of: "plugins/one"))
    try folder.write("made by another tool", to: "plugins/one.so")
    #expect(try report().orphans == [])
  }
}
