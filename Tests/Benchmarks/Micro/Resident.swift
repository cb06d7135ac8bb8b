import AmbitRuntime
import AmbitSystem
import CAmbit
internal import Glibc

/// What stays in memory for each of many jobs that wait. Memory that was used once is kept, so every round takes a
/// process of its own: this program again, with the name of the figure as its argument.
enum Resident: String, CaseIterable {
  case job = "resident-job"
  case ticker = "resident-ticker"

  private static let count = 100_000
  private static let rounds = 7

  static func measureAll() {
    for resident in allCases { resident.measure() }
  }

  private func measure() {
    let rounds = (0..<Self.rounds).map { _ in measureInChild() }
    let (name, budget): (String, Double) =
      switch self {
      case .job: ("suspended job, one of 100,000", 4500)
      case .ticker: ("waiting ticker, one of 100,000", 200)
      }
    Figure(name: name, unit: .bytes, rounds: rounds, budget: budget).print()
  }

  private func measureInChild() -> Double {
    // By number: in the shell that popen(3) starts, /proc/self/exe would be the shell.
    let program = "/proc/\(getpid())/exe"
    guard let output = popen("exec \(program) \(rawValue)", "r") else {
      fatalError("ambit-micro: \(program) cannot be run: error \(errno)")
    }
    defer { pclose(output) }
    var bytes = 0.0
    guard withUnsafeMutablePointer(to: &bytes, { withVaList([$0]) { vfscanf(output, "%lf", $0) } }) == 1 else {
      fatalError("ambit-micro: \(program) \(rawValue) printed no number")
    }
    return bytes
  }

  /// The growth of the resident memory of this process with each.
  var bytesEach: Double {
    let hasMeasured = Latch<Double>()
    BenchLoop.run { root in
      let first = openChild(of: root.asHandle, with: 1)
      let before = ResidentMemory.bytes
      let child = openChild(of: root.asHandle, with: Self.count)
      hasMeasured.arrive(Double(ResidentMemory.bytes - before) / Double(Self.count))
      child.close()
      first.close()
    }
    return hasMeasured.wait()![0]
  }

  private func openChild(of scope: ScopeHandle, with count: Int) -> ScopeHandle {
    switch self {
    case .job: scope.openChild(withSleepers: count)
    case .ticker: openChild(of: scope, withTickers: count)
    }
  }

  private func openChild(of scope: ScopeHandle, withTickers count: Int) -> ScopeHandle {
    let child = scope.openChild()
    let hour: Int64 = 3_600_000_000_000
    for _ in 0..<count { require(ambit_every(child, hour, { _, _ in AMBIT_OK }, nil, nil, nil)) }
    return child
  }
}
