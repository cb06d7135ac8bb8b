internal import AmbitHost
internal import ArgumentParser

struct Reload: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Reload the configuration and the plugins of a running host.",
    discussion: """
      Waits until the reload is done, and prints for each plugin whether it was added, changed, kept or removed, or \
      why it failed, and which changed keys of the configuration need a restart. The exit status is 0 if all was \
      applied, 1 if something failed or no host was reloaded, and 2 if nothing failed but keys need a restart.

        ambit reload                  # the host of this folder
        ambit reload -c prod.conf
        ambit reload --retry hello    # also tries hello again, which is quarantined or was rolled back
      """)

  @OptionGroup var socket: SocketOption

  @Option(
    help: ArgumentHelp(
      "Also try this plugin again, which is quarantined or whose content was rolled back.", valueName: "name"))
  var retry: String?

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
      let reply = try client.reload(retrying: retry, asJSON: json)
      Terminal.print(reply.text)
      Terminal.exit(reply.result.rawValue)
    } catch {
      Terminal.fail(error)
    }
  }
}
