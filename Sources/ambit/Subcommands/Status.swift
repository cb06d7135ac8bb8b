internal import AmbitHost
internal import ArgumentParser

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a running host serves and does.",
    discussion: """
      The host, its generations of plugins with what runs of each, and its last reloads.

        ambit status                  # the host of this folder
        ambit status --json | jq .generations
      """)

  @OptionGroup var socket: SocketOption

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    do throws(HostError) {
      print(try AdminClient(socket).status(asJSON: json), terminator: "")
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
