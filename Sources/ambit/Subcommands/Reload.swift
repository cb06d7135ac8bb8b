internal import AmbitHost
internal import ArgumentParser

struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Reload the configuration and the plugins of a running host.",
    discussion: """
      Waits until the reload is done, and prints for each plugin whether it was added, changed, kept or removed, or \
      why it failed. The exit status is 0 if nothing failed, 78 if the configuration that names the host is invalid, \
      and 1 otherwise.

        ambit reload                  # the host of this folder
        ambit reload -c prod.conf
      """)

  @OptionGroup var socket: SocketOption

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    let client: AdminClient
    do throws(HostError) {
      client = try AdminClient(socket)
    } catch {
      Terminal.fail(error.adding("the running host was not asked to reload"))
    }
    do throws(HostError) {
      let reply = try client.reload(asJSON: json)
      Terminal.print(reply.text)
      Terminal.exit(reply.succeeded ? 0 : 1)
    } catch {
      Terminal.fail(error)
    }
  }
}
