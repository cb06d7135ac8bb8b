/// Rows of text with aligned columns.
public struct TextTable {
  private var rows: [[String]] = []
  private let indentation: String

  /// - Parameter indentation: the number of blanks before each line.
  public init(indentation: Int = 0) { self.indentation = String(repeating: " ", count: indentation) }

  /// Adds a row. The last cell of a row is not padded. Rows may have different numbers of cells.
  public mutating func add(_ cells: String...) { rows.append(cells) }

  /// The rows as lines; empty without rows.
  public var lines: [String] {
    let widths = rows.reduce(into: [Int]()) { widths, row in
      for (column, cell) in row.dropLast().enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.count)
      }
    }
    return rows.map { row in
      let cells = row.dropLast().enumerated().map { column, cell in
        cell + String(repeating: " ", count: widths[column] - cell.count)
      }
      return indentation + (cells + row.suffix(1)).joined(separator: "  ")
    }
  }
}
