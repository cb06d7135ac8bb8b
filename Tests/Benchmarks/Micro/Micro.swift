import AmbitRuntime
import AmbitSystem

/// Measures what the parts of the runtime cost, each by itself and in one process, and prints a line for each. Words
/// after the command select groups of figures.
///
/// Machines differ and so do their hours: compare runs of one machine. A budget is what the figure is held to on a
/// quiet core; a median above it is marked, and nothing else happens.
@main
enum Micro {
  /// The figures by the word that selects them, in the order in which they are printed.
  private static let groups: [(name: String, measure: @Sendable () -> Void)] = [
    ("switches", { BenchLoop.run { Switches(in: $0).measure() } }),
    ("jobs", { BenchLoop.run { Jobs(in: $0).measure() } }),
    ("calls", { BenchLoop.run { Calls(in: $0).measure() } }),
    ("scopes", { BenchLoop.run { Scopes(in: $0).measure() } }),
    ("timers", { BenchLoop.run { Timers(in: $0).measure() } }),
    ("waits", { BenchLoop.run { SharedWaits(in: $0).measure() } }),
    ("posts", { BenchLoop.run { Posts(in: $0).measure() } }),
    ("sleepers", { BenchLoop.run { SleepingJobs(in: $0).measure() } }),
    ("residents", { Resident.measureAll() }),
    ("heads", { Heads.measure() }),
    ("routes", { Routes.measure() }),
  ]

  static func main() {
    let words = CommandLine.arguments.dropFirst()
    if let resident = words.first.flatMap(Resident.init) { return print(resident.bytesEach) }
    let known = groups.map(\.name)
    if let unknown = words.first(where: { !known.contains($0) }) {
      let list = known.joined(separator: ", ")
      LineOutput.standardError.write("ambit-micro: there are no figures of \"\(unknown)\"; expected one of \(list)\n")
      HostProcess.exit(64)
    }
    Figure.printHeading()
    for group in groups where words.isEmpty || words.contains(group.name) { group.measure() }
  }
}
