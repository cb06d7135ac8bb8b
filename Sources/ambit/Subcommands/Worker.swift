internal import AmbitHost
internal import ArgumentParser

/// An internal command: the host starts it to serve requests in a process of their own.
struct Worker: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve requests for a host, which starts this command itself.", shouldDisplay: false)

  func run() { WorkerService.run() }
}
