internal import Glibc

/// One quantity, measured in several rounds.
struct Figure {
  enum Unit: String {
    case nanoseconds = "ns"
    case bytes = "B"
    case megabytesPerSecond = "MB/s"
  }

  let name: String
  let unit: Unit
  /// What each round gave, for one operation or one object.
  let rounds: [Double]
  /// What the median should not exceed; nil if nothing was said of it.
  let budget: Double?

  private var sorted: [Double] { rounds.sorted() }

  private var median: Double {
    let sorted = sorted
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

// The text: one line for a figure, in columns.

extension Figure {
  static func printHeading() {
    Swift.print(line(["figure", "unit", "median", "minimum", "rounds", "budget"]))
  }

  /// Prints the figure at once: a run takes a while, and may be watched.
  func print() {
    let mark = budget.map { median > $0 ? "  over" : "" } ?? ""
    let columns = [
      name, unit.rawValue, Self.text(median), Self.text(sorted[0]), "\(rounds.count)", budget.map(Self.text) ?? "-",
    ]
    Swift.print(Self.line(columns) + mark)
    fflush(nil)
  }

  private static func line(_ columns: [String]) -> String {
    let first = columns[0] + String(repeating: " ", count: max(44 - columns[0].count, 0))
    return columns.dropFirst().reduce(first) { line, column in
      line + String(repeating: " ", count: max(10 - column.count, 1)) + column
    }
  }

  /// With one decimal place below 1,000, where it tells something.
  private static func text(_ value: Double) -> String {
    guard value < 1000 else { return "\(Int(value.rounded()))" }
    return "\((value * 10).rounded() / 10)"
  }
}
