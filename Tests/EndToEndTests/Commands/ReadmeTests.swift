import Foundation
import TestSupport
import Testing

/// The output of a command or of the host without numbers and dates, which differ from run to run.
private func unchanging(_ text: String) -> [String] {
  text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("Date: ") }.map {
    String($0).replacing(/\b[0-9a-f]{8}-(?=[0-9])/, with: "N-").replacing(/[0-9]+/, with: "N")
  }
}

/// The same for a table: the widths of its columns depend on the numbers too, and hashes contain letters.
private func columnless(_ text: String) -> [String] {
  unchanging(text.replacing(/\b[0-9a-f]{12}\b/, with: "0")).map {
    $0.split(separator: " ").joined(separator: " ")
  }
}

/// A document of the project, with the code and the commands that it shows.
private struct Document: CustomStringConvertible {
  let path: String
  let text: String

  static let readme = "README.md"
  static let hostPages = "Sources/AmbitHost/AmbitHost.docc"

  init(_ path: String) throws {
    self.path = path
    text = try String(contentsOf: Places.package.appending(path: path), encoding: .utf8)
  }

  /// The README and all DocC pages, in the order of their paths.
  static var all: [Document] {
    get throws {
      let sources = Places.package.appending(path: "Sources").filePath
      let pages = try FileManager.default.subpathsOfDirectory(atPath: sources).filter { $0.hasSuffix(".md") }
      return try ([readme] + pages.map { "Sources/\($0)" }).sorted().map { try Document($0) }
    }
  }

  var description: String { path }

  /// The contents of the fenced blocks that are marked with `language`.
  func blocks(of language: String) -> [String] {
    text.components(separatedBy: "\n```\(language)\n").dropFirst().compactMap {
      $0.components(separatedBy: "\n```").first
    }
  }

  /// The first block of `language` that contains `text`.
  func block(of language: String, containing text: String) throws -> String {
    try #require(blocks(of: language).first { $0.contains(text) }, "\(path) has no block with \(text)")
  }

  /// The commands of a block of shell lines, without their comments.
  func commands(inBlock index: Int) throws -> [String] {
    let lines = try #require(blocks(of: "sh").dropFirst(index).first).split(separator: "\n")
    return lines.map { line in
      let end = line.firstRange(of: "  #")?.lowerBound ?? line.endIndex
      return String(line[..<end].trimming(while: \.isWhitespace))
    }
  }
}

/// The commands of a console session, each with what the document says that it prints.
private func steps(of session: String) -> [(command: String, output: String)] {
  ("\n" + session).components(separatedBy: "\n$ ").dropFirst().map { step in
    let end = step.firstIndex(of: "\n") ?? step.endIndex
    return (String(step[..<end]), String(step[end...].drop { $0 == "\n" }))
  }
}

/// The code and the commands that the README and the pages show, taken from them as they stand.
@Suite struct `README` {
  private static let samples: [PluginFile] = [
    .sample("hello"), .sample("simple_service"), .sample("typed"), .sample("counter", language: "cpp"),
  ]
  private let readme: Document

  init() throws { readme = try Document(Document.readme) }

  /// The routes to C functions in the sample `host.conf`.
  private func sampleRoutes() throws -> String {
    let settings = try String(contentsOf: Places.package.appending(path: "host.conf"), encoding: .utf8)
    return try String(settings[#require(settings.firstRange(of: "\n[[route]]")).lowerBound...])
  }

  @Test func `The plugin in the README compiles, is loaded, and answers as the README says`() async throws {
    let source = try readme.block(of: "c", containing: "ambit_plugin_entry")
    let session = try steps(of: readme.block(of: "console", containing: "Plugins/my.so"))
    try await withHost(Self.samples, configuration: sampleRoutes()) { host in
      try await PluginFile.source(source, name: "my").install(in: host.plugins)
      let reload = try #require(session.first { $0.command == ".build/release/ambit reload | tail -1" })
      let result = try await run(Places.ambit.filePath, ["reload"], in: host.directory)
      let last = try #require(result.text.split(separator: "\n").last)
      #expect(unchanging(String(last)) == unchanging(reload.output))
      let call = try #require(session.first { $0.command.contains("curl") })
      #expect(try await host.get("/my").text == call.output + "\n")
    }
  }

  @Test func `The first session in the README goes as the README says`() async throws {
    let session = try steps(of: readme.block(of: "console", containing: "/simple"))
    let log = try readme.block(of: "text", containing: "working... step 1")
    try await withHost([.sample("hello"), .sample("simple_service"), .sample("counter", language: "cpp")]) { host in
      for step in session {
        let words = step.command.replacing("http://127.0.0.1:8080", with: host.url("")).split(separator: " ")
        let result = try await run("curl", ["-sS"] + words.dropFirst().map(String.init))
        #expect(unchanging(result.text + result.errors) == unchanging(step.output), "\(step.command)")
      }
      for line in log.split(separator: "\n") {
        let expected = unchanging(String(line))
        try await host.log.line { unchanging($0.text) == expected }
      }
    }
  }

  @Test(.disabled(if: Places.isSanitized))
  func `The session in AdminAPI with a running host goes as the page says`() async throws {
    let page = try Document("\(Document.hostPages)/AdminAPI.md")
    let session = try steps(of: page.block(of: "console", containing: "ambit reload"))
    #expect(session.count == 3)
    try await withHost(Self.samples, configuration: sampleRoutes()) { host in
      for step in session where step.command.hasPrefix("ambit ") {
        let arguments = step.command.split(separator: " ").dropFirst().map(String.init)
        let result = try await run(Places.ambit.filePath, arguments, in: host.directory)
        #expect(columnless(result.text) == columnless(step.output), "\(step.command)")
      }
      #expect(try await host.adminJSON("/status").text("state") == "serving", "what jq prints")
    }
  }

  @Test func `The routes to C functions in FunctionRoutes answer as the page says`() async throws {
    let page = try Document("\(Document.hostPages)/FunctionRoutes.md")
    let routes = try page.block(of: "toml", containing: "[[route]]")
    let session = try steps(of: page.block(of: "console", containing: "/frexp/"))
    try await withHost([], configuration: routes) { host in
      for step in session {
        let words = step.command.replacing("http://127.0.0.1:8080", with: host.url("")).split(separator: " ")
        let answer = try await run("curl", ["-sS"] + words.dropFirst().map(String.init))
        #expect(answer.text.trimming(while: \.isNewline) == step.output.trimming(while: \.isNewline))
      }
    }
  }

  /// The files that a section of WritingPlugins shows, in their order, and the commands that follow them.
  private func example(_ section: String) throws -> (files: [(language: String, text: String)], commands: String) {
    let page = try Document("\(Document.hostPages)/WritingPlugins.md")
    let rest = try #require(page.text.components(separatedBy: "\n## \(section)\n").last)
    let text = try #require(rest.components(separatedBy: "\n## ").first)
    let blocks = text.components(separatedBy: "\n```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    let parts = blocks.map { block in
      let end = block.firstIndex(of: "\n") ?? block.endIndex
      return (language: String(block[..<end]), text: String(block[end...].dropFirst()) + "\n")
    }
    return (parts.filter { $0.language != "sh" }, try #require(parts.last { $0.language == "sh" }).text)
  }

  @Test(.enabled(if: Places.tool("go") != nil, "go is not installed"), .disabled(if: Places.isSanitized))
  func `The plugin in Go in WritingPlugins is built by the commands of the page, and answers`() async throws {
    let (files, commands) = try example("Go")
    #expect(files.map(\.language) == ["c", "go"])
    try await withHost([]) { host in
      let folder = host.directory.appending(path: "my")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      for (file, name) in zip(files, ["entry.c", "main.go"]) { try folder.write(file.text, as: name) }
      let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
      let built = try await TestSupport.run(
        "sh", ["-e", "-c", commands], in: host.directory,
        environment: [
          "GOCACHE": host.directory.appending(path: "cache").filePath, "GOPROXY": "off",
          "PATH": "\(Places.ambit.deletingLastPathComponent().filePath):\(path)",
        ], limit: .seconds(900))
      try #require(built.status == .exited(0), "\(built.errors)")
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/go/World").text == "Hello, World!\n")
    }
  }

  @Test(.enabled(if: SwiftPlugin.isSupported))
  func `The plugin in Swift in WritingPlugins is built by the commands of the page, and answers`() async throws {
    let (files, commands) = try example("Swift")
    #expect(files.map(\.language) == ["c", "swift"])
    try await withHost([]) { host in
      for (file, name) in zip(files, ["entry.c", "my.swift"]) { try host.directory.write(file.text, as: name) }
      try FileManager.default.createSymbolicLink(
        at: host.directory.appending(path: "Sources"), withDestinationURL: Places.package.appending(path: "Sources"))
      let built = try await TestSupport.run(
        "sh", ["-e", "-c", commands], in: host.directory, limit: .seconds(900))
      try #require(built.status == .exited(0), "\(built.errors)")
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/swift/World").text == "Hello, World!\n")
    }
  }

  @Test(.enabled(if: SwiftPlugin.isSupported))
  func `The handler in SwiftPlugins that waits for async code compiles as it stands, and answers`() async throws {
    let page = try Document("\(Document.hostPages)/SwiftPlugins.md")
    let source = try page.block(of: "swift", containing: "ambit_post")
    try await withHost([]) { host in
      try await SwiftPlugin("my", "quote", source: source).install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/quote").text == "42\n")
    }
  }

  @Test func `The compiler command in the README is the one that the tests use, with a header that exists`() throws {
    let session = try readme.block(of: "console", containing: "Plugins/my.so")
    #expect(
      session.contains("cc -shared -fPIC -fstack-clash-protection -I Sources/CAmbit/include my.c -o Plugins/my.so"))
    #expect(FileManager.default.fileExists(atPath: Places.headers.appending(path: "ambit.h").filePath))
  }

  @Test func `The README begins with two commands: one that sets up and serves, one that sets up and tests`() throws {
    #expect(try readme.commands(inBlock: 0) == [".ci/run serve", ".ci/run"])
    #expect(readme.text.contains("`.build/release/ambit serve --build`"))
  }

  @Test func `The README has at most 150 lines`() {
    #expect(readme.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().count <= 150)
  }

  @Test func `Each subcommand in the README and the pages exists`() async throws {
    let help = try await ambit("--help").text
    let shown = try Document.all.flatMap { $0.text.matches(of: /`ambit ([a-z]+)/).map { String($0.1) } }
    #expect(shown.count > 8)
    for command in Set(shown) { #expect(help.contains("  \(command)"), "\(command)") }
  }

  @Test func `Each folder in the README's map exists, and each folder of Sources is in the map`() throws {
    let map = try #require(readme.text.components(separatedBy: "## Where things are").last)
    let folders = map.matches(of: /`((?:Sources|Plugins|Tests)[A-Za-z\/]*)`/).map { String($0.1) }
    #expect(folders.count > 8)
    for folder in folders {
      #expect(FileManager.default.fileExists(atPath: Places.package.appending(path: folder).filePath), "\(folder)")
    }
    let sources = Places.package.appending(path: "Sources").filePath
    for target in try FileManager.default.contentsOfDirectory(atPath: sources) {
      #expect(folders.contains("Sources/\(target)"), "Sources/\(target) is not in the map")
    }
  }

  @Test func `Each link in the README and the pages leads to a file`() throws {
    for document in try Document.all {
      let folder = Places.package.appending(path: document.path).deletingLastPathComponent()
      let links = document.text.matches(of: /\]\(([^)#:]+)\)/).map { String($0.1) }
      for link in links {
        #expect(
          FileManager.default.fileExists(atPath: folder.appending(path: link).filePath), "\(document): \(link)")
      }
    }
  }

  @Test func `Each page is linked from the README or from a page that it links to`() throws {
    let documents = try Document.all
    let names = documents.filter { $0.path != Document.readme }.map { String($0.path.split(separator: "/").last!) }
    for name in names {
      let isLinked = documents.contains { $0.text.contains("/\(name))") || $0.text.contains("](\(name))") }
      #expect(isLinked, "\(name)")
    }
  }

  @Test func `Configuration names each key of host.conf`() throws {
    let page = try Document("\(Document.hostPages)/Configuration.md")
    let settings = try String(contentsOf: Places.package.appending(path: "host.conf"), encoding: .utf8)
    var section = ""
    var count = 0
    for line in settings.split(separator: "\n") {
      if let match = line.firstMatch(of: /^\[([a-z_]+)\]/) { section = "\(match.1)." }
      if line.hasPrefix("[plugin") { break }
      guard let key = line.firstMatch(of: /^([a-z_]+) *=/)?.1 else { continue }
      count += 1
      #expect(page.text.contains("`\(section)\(key)`"), "\(section)\(key)")
    }
    #expect(count > 20)
  }
}
