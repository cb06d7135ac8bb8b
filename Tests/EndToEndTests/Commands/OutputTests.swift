import Foundation
import TestSupport
import Testing

/// What commands do when what they print cannot be written.
@Suite struct `Output of commands` {
  /// Commands that print something, for a folder with a plugin and a running host.
  private static let commands = [
    "--version", "--help", "header", "help", "serve --help", "status", "status --json", "scopes", "scopes --help",
    "reload", "routes", "check", "inspect Plugins/hello.so", "build Plugins", "--generate-completion-script bash",
  ]

  /// Runs each command in a shell that redirects it, in the folder of a running host.
  private func each(_ redirected: String, _ check: @Sendable (String, CommandResult) -> Void) async throws {
    try await withHost([.sample("hello")]) { host in
      for command in Self.commands {
        let script = "\"$0\" \(redirected.replacing("COMMAND", with: command))"
        check(command, try await run("bash", ["-c", script, Places.ambit.filePath], in: host.directory))
      }
    }
  }

  @Test func `A command whose output meets a full disk ends with status 1 and the reason`() async throws {
    try await each("COMMAND >/dev/full") { command, result in
      #expect(result.status == .exited(1), "\(command)")
      let reason = "error: cannot write to standard output: No space left on device"
      #expect(result.errorLines.last.map(String.init) == reason, "\(command): \(result.errors)")
    }
  }

  @Test func `A command whose standard output is closed ends with status 1 and the reason`() async throws {
    try await each("COMMAND >&-") { command, result in
      #expect(result.status == .exited(1), "\(command)")
      let reason = "error: cannot write to standard output: Bad file descriptor"
      #expect(result.errorLines.last.map(String.init) == reason, "\(command): \(result.errors)")
    }
  }

  @Test func `A command whose reader has left ends without a word`() async throws {
    // The reader has gone before the command begins, and once more with the signal for that ignored.
    for prefix in ["", "trap '' PIPE; "] {
      try await withHost([.sample("hello")]) { host in
        for command in Self.commands {
          let script =
            "\(prefix)exec 3> >(exec true); wait $!; \"$0\" \(command) >&3; code=$?; [ $code = 141 ] || echo $code >&2"
          let result = try await run("bash", ["-c", script, Places.ambit.filePath], in: host.directory)
          let said = result.errorLines.filter { !$0.hasPrefix("notice: ") }
          #expect(said == [], "\(prefix)\(command): \(result.errors)")
        }
      }
    }
  }

  @Test func `A command that cannot write to standard error either does not end with status 0`() async throws {
    try await each("COMMAND >/dev/full 2>/dev/full") { command, result in
      #expect(result.status == .exited(1), "\(command)")
    }
    try await withTemporaryFolder { directory in
      try FileManager.default.createDirectory(
        at: directory.appending(path: "Plugins"), withIntermediateDirectories: true)
      try directory.write("[plugin.nobody]\nkey = \"value\"\n", as: "host.conf")
      let script = "\"$0\" check 2>/dev/full"
      let result = try await run("bash", ["-c", script, Places.ambit.filePath], in: directory)
      #expect(result.status == .exited(1), "its notices are lost")
    }
  }
}
