internal import AmbitHost
internal import ArgumentParser

struct History: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the generations of a plugin that a running host has served.",
    discussion: """
      Prints a line for each generation since the start of the host, at most the last 50: the SHA-256 of its content, \
      when it served, how many crashes it was to blame for, and why it has ended. The exit status is 0, 1 if no host \
      answers or the plugin has not served, and 78 if the configuration that names the host is invalid.

        ambit history hello
        ambit history hello --json | jq .generations
      """)

  @Argument(help: "The name of the plugin.")
  var name: String

  @OptionGroup var socket: SocketOption

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    do throws(HostError) {
      Terminal.print(try AdminClient(socket).history(of: name, asJSON: json))
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
