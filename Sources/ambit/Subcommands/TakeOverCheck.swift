internal import AmbitHost
internal import ArgumentParser

/// An internal command: a running host starts it to find out whether it can become this program.
struct TakeOverCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: UpgradeProbe.command, abstract: "Check whether a running host can become this program.",
    shouldDisplay: false)

  @OptionGroup var configuration: ConfigurationOption

  func run() throws {
    do throws(HostError) {
      Terminal.print("\(UpgradeProbe.line)\n")
      _ = try PluginReview(configuration.source, isOfStart: true)
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
