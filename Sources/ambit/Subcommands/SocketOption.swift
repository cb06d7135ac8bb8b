internal import AmbitHost
internal import ArgumentParser

/// The options that name a running host, by its socket or by its configuration.
struct SocketOption: ParsableArguments {
  @OptionGroup var configuration: ConfigurationOption

  @Option(
    help: ArgumentHelp("The host's admin socket. Without it: the one that the configuration names.", valueName: "path"))
  var socket: String?
}

extension AdminClient {
  init(_ option: SocketOption) throws(HostFailure) {
    if let path = option.socket { self.init(path: path) } else { try self.init(option.configuration.source) }
  }
}
