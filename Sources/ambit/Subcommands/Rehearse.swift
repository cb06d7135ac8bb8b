internal import AmbitHost
internal import ArgumentParser

/// Not for people: the host starts it to try plugins before it loads them.
struct Rehearse: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Try plugins on behalf of a host, which starts this itself.", shouldDisplay: false)

  func run() {
    RehearsalCommand.run()
    Terminal.exit(0)
  }
}
