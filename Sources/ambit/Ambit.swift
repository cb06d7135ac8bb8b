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
      Serve.self, Reload.self, Status.self, Inspect.self, Check.self, Routes.self, Build.self, Header.self,
      DryRun.self,
    ])

  static func main() {
    StandardStreams.open()
    main(StandardStreams.arguments)
  }
}

/// Output and exit of commands.
enum Terminal {
  /// Writes a line to standard error.
  static func note(_ line: String) { StandardStreams.writeError("\(line)\n") }

  /// Writes the error to standard error, and ends the command with its exit status.
  static func fail(_ error: HostError) -> Never {
    for line in error.lines { note("error: \(line)") }
    exit(error.exitStatus)
  }

  /// Writes what was printed, and ends the process.
  static func exit(_ code: Int32) -> Never { StandardStreams.exit(code) }
}
