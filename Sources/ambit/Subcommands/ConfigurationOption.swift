internal import AmbitHost
internal import ArgumentParser

/// The option that names the configuration.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: [.customShort("c"), .customLong("config")],
    help: ArgumentHelp(
      "The configuration to use. Without it: ./host.conf if there is one, else the defaults.", valueName: "host.conf"))
  var path: String?

  var source: ConfigurationSource { ConfigurationSource(named: path) }
}
