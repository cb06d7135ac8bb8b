internal import AmbitHost
internal import ArgumentParser

/// An internal command: the host starts it to try plugins before it loads them.
struct DryRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dry-run", abstract: "Try plugins for a host, which starts this command itself.", shouldDisplay: false)

  func run() {
    DryRunCommand.run()
    Terminal.exit(0)
  }
}
