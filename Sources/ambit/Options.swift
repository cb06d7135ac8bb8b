internal import AmbitHost
internal import ArgumentParser

/// Options that name a running host, by its socket or by its configuration.
struct SocketOption: ParsableArguments {
  @OptionGroup var configuration: ConfigurationOption

  @Option(
    help: ArgumentHelp("The host's admin socket. Default: the socket that the configuration names.", valueName: "path"))
  var socket: String?
}

extension AdminClient {
  init(_ option: SocketOption) throws(HostError) {
    if let path = option.socket { self.init(path: path) } else { try self.init(option.configuration.source) }
  }
}

/// The option that names the configuration.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: [.customShort("c"), .customLong("config")],
    help: ArgumentHelp(
      "The configuration. Default: ./host.conf if it exists, else built-in defaults.", valueName: "host.conf"))
  var path: String?

  var source: ConfigurationSource { ConfigurationSource(named: path) }
}
