internal import AmbitHost
internal import ArgumentParser

struct Rollback: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a running host serve the content of a plugin that it served before.",
    discussion: """
      All workers go back to the last good content of the plugin, as a new generation, whose start gets what that content \
      has handed over last. The content of the file is refused until the file changes, or until \
      ambit reload --retry NAME. The exit status is 0 if the plugin was rolled back, 1 otherwise.

        ambit rollback hello
        ambit history hello           # what there is to go back to
      """)

  @Argument(help: "The name of the plugin.")
  var name: String

  @OptionGroup var socket: SocketOption

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    do throws(HostError) {
      let reply = try AdminClient(socket).rollBack(name, asJSON: json)
      Terminal.print(reply.text)
      Terminal.exit(reply.isDone ? 0 : 1)
    } catch {
      Terminal.fail(error)
    }
  }
}
