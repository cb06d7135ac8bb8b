internal import AmbitHost
internal import AmbitSystem
internal import ArgumentParser

struct Upgrade: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a running host the program of this command.",
    discussion: """
      The host first has the new program check the configuration and all plugins. Then it becomes that program: its \
      process and its sockets stay, new workers start, and the old ones finish their requests when the new ones serve. \
      If the new program does not start, the one before serves on. The exit status is 0 if the new program serves all \
      plugins, 1 otherwise.

        /opt/ambit-new/ambit upgrade -c /etc/ambit/host.conf
      """)

  @OptionGroup var socket: SocketOption

  func run() throws {
    let client: AdminClient
    do throws(HostError) {
      client = try AdminClient(socket)
    } catch {
      Terminal.fail(error.adding("the running host was not asked to upgrade"))
    }
    do throws(HostError) {
      let (text, isComplete) = try client.upgrade(to: HostProcess.binary)
      Terminal.print(text)
      Terminal.exit(isComplete ? 0 : 1)
    } catch {
      Terminal.fail(error)
    }
  }
}
