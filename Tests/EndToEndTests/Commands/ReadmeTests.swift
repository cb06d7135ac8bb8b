import Foundation
import TestSupport
import Testing

/// The output of a command or of the host without numbers and dates, which differ from run to run.
private func unchanging(_ text: String) -> [String] {
  text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("Date: ") }.map {
    String($0).replacing(/[0-9]+/, with: "N")
  }
}

/// The same for a table: the widths of its columns depend on the numbers too, and hashes contain letters.
private func columnless(_ text: String) -> [String] {
  unchanging(text.replacing(/\b[0-9a-f]{12}\b/, with: "0")).map {
    $0.split(separator: " ").joined(separator: " ")
  }
}

/// The code and the commands of the README, as they stand there.
@Suite struct `README` {
  private let text: String

  init() throws {
    text = try String(contentsOf: Places.package.appending(path: "README.md"), encoding: .utf8)
  }

  @Test func `The plugin in the README compiles, is loaded, and answers as the README says`() async throws {
    let source = try #require(blocks(of: "c").first { $0.contains("ambit_plugin_entry") })
    let session = try #require(blocks(of: "console").first { $0.contains("Plugins/my.so") })
    let lines = session.split(separator: "\n")
    let call = try #require(lines.firstIndex { $0.contains("curl") && $0.contains("/my") })
    let expected = try #require(lines.dropFirst(call + 1).first)
    try await withHost([.sample("hello")]) { host in
      try await PluginFile.source(source, name: "my").install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/my").text == expected + "\n")
    }
  }

  @Test func `The first session in the README goes as the README says`() async throws {
    let session = try #require(blocks(of: "console").first { $0.contains("/simple") })
    let log = try #require(blocks(of: "text").first { $0.contains("listening on") }).split(separator: "\n")
    try await withHost([.sample("hello"), .sample("simple_service"), .sample("counter", language: "cpp")]) { host in
      for step in session.components(separatedBy: "$ curl ").dropFirst() {
        let end = try #require(step.firstIndex(of: "\n"))
        let words = step[..<end].replacing("http://127.0.0.1:8080", with: host.url("")).split(separator: " ")
        let result = try await run("curl", ["-sS"] + words.map(String.init))
        #expect(unchanging(result.text + result.errors) == unchanging(String(step[end...])), "curl \(step[..<end])")
      }
      for line in log {
        let expected = unchanging(String(line))
        try await host.log.line { unchanging($0.text) == expected }
      }
    }
  }

  @Test(.disabled(if: Places.isSanitized)) func `The session with a running host goes as the README says`() async throws
  {
    let session = try #require(blocks(of: "console").first { $0.contains("ambit reload") })
    let settings = try String(contentsOf: Places.package.appending(path: "host.conf"), encoding: .utf8)
    let routes = try String(settings[#require(settings.firstRange(of: "\n[[route]]")).lowerBound...])
    let samples: [PluginFile] = [
      .sample("hello"), .sample("simple_service"), .sample("typed"), .sample("counter", language: "cpp"),
    ]
    try await withHost(samples, configuration: routes) { host in
      let steps = session.components(separatedBy: "$ ").dropFirst()
      #expect(steps.count == 3)
      for step in steps {
        let end = try #require(step.firstIndex(of: "\n"))
        let words = step[..<end].split(separator: " ").map(String.init)
        guard words[0] == "ambit" else { continue }
        let result = try await run(Places.ambit.filePath, Array(words.dropFirst()), in: host.directory)
        #expect(columnless(result.text) == columnless(String(step[end...])), "\(step[..<end])")
      }
      #expect(try await host.adminJSON("/status").text("state") == "serving", "what jq prints")
    }
  }

  @Test func `The routes to C functions in the README answer as the README says`() async throws {
    let routes = try #require(blocks(of: "toml").first { $0.contains("[[route]]") })
    let session = try #require(blocks(of: "console").first { $0.contains("/frexp/") })
    try await withHost([], configuration: routes) { host in
      for step in session.components(separatedBy: "$ curl ").dropFirst() {
        let end = try #require(step.firstIndex(of: "\n"))
        let words = step[..<end].replacing("http://127.0.0.1:8080", with: host.url("")).split(separator: " ")
        let answer = try await run("curl", ["-sS"] + words.map(String.init))
        #expect(answer.text.trimming(while: \.isNewline) == step[end...].trimming(while: \.isNewline))
      }
    }
  }

  @Test func `The compiler command in the README is the one that the tests use, with a header that exists`() throws {
    let session = try #require(blocks(of: "console").first { $0.contains("Plugins/my.so") })
    #expect(
      session.contains("cc -shared -fPIC -fstack-clash-protection -I Sources/CAmbit/include my.c -o Plugins/my.so"))
    #expect(session.contains("kill -HUP"))
    #expect(FileManager.default.fileExists(atPath: Places.headers.appending(path: "ambit.h").filePath))
  }

  @Test func `The README begins with three commands: one that sets up, one that serves, one that tests`() throws {
    let commands = try #require(blocks(of: "sh").first).split(separator: "\n").map { line in
      line.prefix { $0 != "#" }.trimming(while: \.isWhitespace)
    }
    let packages = try String(contentsOf: Places.package.appending(path: ".ci/run"), encoding: .utf8).firstMatch(
      of: /building="(.*)"/)?.1
    #expect(
      commands == [
        "sudo apt-get install \(packages ?? "")", "swift run -c release ambit serve --build", "swift test",
      ])
  }

  @Test func `Each subcommand in the README exists`() async throws {
    let help = try await ambit("--help").text
    let shown = text.matches(of: /`ambit ([a-z]+)/).map { String($0.1) }
    #expect(!shown.isEmpty)
    for command in shown { #expect(help.contains("  \(command)"), "\(command)") }
  }

  @Test func `Each folder in the README's map exists`() throws {
    let rows = text.matches(of: /\| `((?:Sources|Plugins|Tests)[A-Za-z\/]*)` \|/).map { String($0.1) }
    #expect(rows.count > 8)
    for row in rows {
      #expect(FileManager.default.fileExists(atPath: Places.package.appending(path: row).filePath), "\(row)")
    }
    let sources = Places.package.appending(path: "Sources").filePath
    for target in try FileManager.default.contentsOfDirectory(atPath: sources) {
      #expect(rows.contains("Sources/\(target)"), "Sources/\(target) is not in the map")
    }
  }

  /// The contents of the fenced blocks that are marked with `language`.
  private func blocks(of language: String) -> [String] {
    text.components(separatedBy: "\n```\(language)\n").dropFirst().compactMap {
      $0.components(separatedBy: "\n```").first
    }
  }
}
