internal import AmbitHost
internal import ArgumentParser

@main
struct Ambit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ambit",
    abstract: "A host for HTTP handlers that are shared libraries.",
    discussion: """
      Drop NAME.so files into a folder, start the host, and call their routes:

        ambit serve --build                          # compile Plugins/*/ and serve on 127.0.0.1:8080
        curl http://127.0.0.1:8080/hello/World
        kill -HUP PID                                # load what is new or changed
      """,
    version: AmbitVersionText.line,
    subcommands: [
      Serve.self, Reload.self, Rollback.self, History.self, Upgrade.self, Status.self, Scopes.self, Inspect.self,
      Check.self, Routes.self, Build.self, Header.self, DryRun.self, Worker.self, TakeOverCheck.self,
    ])

  static func main() {
    StandardStreams.open()
    do {
      var command = try parseAsRoot(StandardStreams.arguments)
      try command.run()
    } catch {
      // ArgumentParser's own `main` would print help without a look at errors of the output.
      let (text, status) = (fullMessage(for: error), exitCode(for: error).rawValue)
      guard status == 0 else {
        // ArgumentParser begins with "Error:", all other errors of commands with "error:".
        let lines = text.hasPrefix("Error:") ? "e\(text.dropFirst())" : text
        lines.split(separator: "\n", omittingEmptySubsequences: false).forEach { Terminal.note(String($0)) }
        Terminal.exit(status)
      }
      Terminal.print(text + "\n")
    }
    Terminal.exit(0)
  }
}

/// Output and exit of commands.
enum Terminal {
  /// Writes text to standard output. If that fails, ends the command with status 1 and the reason.
  static func print(_ text: String) {
    do throws(HostError) { try StandardStreams.write(text) } catch { fail(error) }
  }

  /// Writes a line to standard error.
  static func note(_ line: String) { StandardStreams.writeError("\(line.forTerminal)\n") }

  /// Writes the error to standard error, and ends the command with its exit status.
  static func fail(_ error: HostError) -> Never {
    for line in error.lines { note("error: \(line)") }
    exit(error.exitStatus)
  }

  /// Ends the process.
  static func exit(_ code: Int32) -> Never { StandardStreams.exit(code) }
}
