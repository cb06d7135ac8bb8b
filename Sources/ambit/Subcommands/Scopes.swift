internal import AmbitHost
internal import ArgumentParser

struct Scopes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the scopes and jobs of a running host.",
    discussion: """
      Prints what SIGUSR2 writes to the log: a line for each scope and job, from the host down to the jobs of each \
      request, with its state, its age and what it waits for. At most a thousand of each event loop are listed; a line \
      says how many were left out.

        ambit scopes                  # the host of this folder
        ambit scopes | grep waits_for=descriptor
        ambit scopes --json | jq '.entries[] | select(.stuck)'
      """)

  @OptionGroup var socket: SocketOption

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    do throws(HostError) {
      Terminal.print(try AdminClient(socket).scopes(asJSON: json))
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
