import Foundation
import Glibc
import TestSupport
import Testing

/// Plugins whose files have names that are no text, or that would control a terminal.
@Suite struct `Names of files` {
  /// The name in the form of printf(1), and how it is shown.
  private static let names = [(#"a\377b"#, #"a\xffb"#), (#"a\033[2Jb"#, #"a\u{1B}[2Jb"#), (#"a\nb"#, #"a\nb"#)]

  /// Runs a command in the shell, with `$0` for ambit and `$name` for the name.
  private func shell(_ script: String, _ name: String, in folder: URL) async throws -> CommandResult {
    try await run("bash", ["-c", "name=$(printf '\(name)')\n\(script)", Places.ambit.filePath], in: folder)
  }

  private func expectPrintable(
    _ result: CommandResult, _ shown: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let output = result.output + Array(result.errors.utf8)
    #expect(String(validating: result.output, as: UTF8.self) != nil, "not UTF-8", sourceLocation: sourceLocation)
    let isPlain = output.allSatisfy { $0 == 0x0A || $0 >= 0x20 && $0 != 0x7F }
    #expect(isPlain, "\(result.text)\(result.errors)", sourceLocation: sourceLocation)
    #expect(
      (result.text + result.errors).contains(shown), "\(result.text)\(result.errors)", sourceLocation: sourceLocation)
  }

  @Test(arguments: names)
  func `A plugin whose file has such a name is built, loaded and reloaded, and commands show the name escaped`(
    name: String, shown: String
  ) async throws {
    try await withHost([], configuration: "threads = 1") { host in
      let source = try String(contentsOf: Places.sample("hello"), encoding: .utf8)
      try host.directory.write(source, as: "hello.c")
      let made = "mkdir \"Plugins/$name\" && cp hello.c \"Plugins/$name/$name.c\" && \"$0\" build Plugins"
      let built = try await shell(made, name, in: host.directory)
      #expect(built.status == .exited(0))
      expectPrintable(built, "Plugins/\(shown): built with ")
      let again = try await shell("\"$0\" build Plugins", name, in: host.directory)
      // Compilers have no way to write a line feed in the name of a file that they have read.
      expectPrintable(again, name.contains("\\n") ? "\(shown): built with " : "\(shown): up to date")
      expectPrintable(try await shell("\"$0\" reload", name, in: host.directory), "added  hello/1  Plugins/\(shown).so")
      #expect(try await host.get("/hello/World").text == "Hello, World!\n")
      for command in ["status", "routes", "inspect \"Plugins/$name.so\"", "status --json"] {
        let result = try await shell("\"$0\" \(command)", name, in: host.directory)
        #expect(result.status == .exited(0), "\(result.errors)")
        // In JSON a control character has JSON's own escape, and a backslash is doubled.
        let isJSON = command.hasSuffix("json")
        expectPrintable(result, isJSON ? "\"file\": " : "Plugins/\(shown).so")
        if isJSON { _ = try JSONObject(result.output) }
      }
      let changed = "sed -i 's/Hello/Hej/' \"Plugins/$name/$name.c\" && \"$0\" build Plugins && \"$0\" reload"
      expectPrintable(try await shell(changed, name, in: host.directory), "changed  hello/2  Plugins/\(shown).so")
      #expect(try await host.get("/hello/World").text == "Hej, World!\n")
    }
  }

  @Test(arguments: names)
  func `Errors about such a file show its name escaped, each on one line`(name: String, shown: String) async throws {
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let script = "echo text > \"Plugins/$name.so\"; \"$0\" "
      let checked = try await shell(script + "check", name, in: directory)
      #expect(checked.status == .exited(1) && checked.errorLines.count == 1, "\(checked.errors)")
      expectPrintable(checked, "error: plugin \(shown) (Plugins/\(shown).so): ")
      for command in ["inspect \"missing $name\"", "build \"missing $name\"", "check -c \"missing $name\""] {
        let result = try await shell(script + command, name, in: directory)
        #expect(result.status == .exited(1) && result.errorLines.count == 1, "\(result.errors)")
        expectPrintable(result, "missing \(shown)")
      }
      let usage = try await shell("\"$0\" \"$name\"", name, in: directory)
      #expect(usage.status == .exited(64))
    }
  }

  @Test func `A host serves with a configuration in a folder whose name is no text`() async throws {
    try await withTemporaryFolder { directory in
      let script = #"""
        name=$(printf 'a\377b'); mkdir -p "$name/Plugins"
        printf 'listen = ["127.0.0.1:0"]\n' > "$name/host.conf"; cd "$name"
        "$0" check && exec "$0" serve
        """#
      let (child, log) = try await startHost("bash", ["-c", script, Places.ambit.filePath], in: directory)
      try await log.line(containing: "serving")
      let ask = #"cd "$(printf 'a\377b')" && "$0" status && "$0" reload"#
      let result = try await run("bash", ["-c", ask, Places.ambit.filePath], in: directory)
      #expect(result.status == .exited(0), "\(result.errors)")
      child.signal(SIGTERM)
      #expect(await child.status == .exited(0))
    }
  }
}
