internal import AmbitHost
internal import ArgumentParser

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the state of a running host.",
    discussion: """
      Prints the host, the generations of its plugins with their requests and jobs, and its last reloads. The exit \
      status is 0, 1 if no host answers, and 78 if the configuration that names the host is invalid.

        ambit status                  # the host of this folder
        ambit status --json | jq .generations
      """)

  @OptionGroup var socket: SocketOption

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    do throws(HostError) {
      Terminal.print(try AdminClient(socket).status(asJSON: json))
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
