extension Int {
  /// The number with a noun: "1 job", "2 jobs". `noun` is the singular.
  public func pluralized(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }

  /// A number of bytes, in the largest binary unit of which it is a whole multiple, else in whole KiB: "512 MiB".
  public var asBytes: String {
    guard self > 0 else { return "0 KiB" }
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
    guard let (size, name) = units.first(where: { isMultiple(of: $0.0) }) else { return "\((self - 1) / 1024 + 1) KiB" }
    return "\(self / size) \(name)"
  }
}

/// The text, truncated to `longest` scalars for a message of one line. Scalars that do not print are escaped.
public func truncated(_ text: String, to longest: Int = 40) -> String {
  let scalars = text.unicodeScalars
  let plain = scalars.prefix(longest).map { isShownPlainly($0) ? String($0) : $0.escapeSequence }.joined()
  return scalars.dropFirst(longest).isEmpty ? plain : plain + "…"
}

/// Whether the scalar prints as it is in a line of text.
private func isShownPlainly(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: false
  default: scalar.fileNameByte == nil
  }
}

extension Unicode.Scalar {
  /// Whether the scalar may end a line, control a terminal or change the order in which letters are shown (UAX #9,
  /// explicit directional formatting), or stands for a byte of a file name that is not UTF-8. Text for people contains it
  /// only escaped.
  public var isControl: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || (0x2028...0x202E).contains(value)
      || (0x2066...0x2069).contains(value) || fileNameByte != nil
  }

  /// The scalar as text for people shows it if it cannot show the scalar itself: `\n`, `\u{1B}`, or `\xff` for a byte
  /// of a file name.
  package var escapeSequence: String { fileNameByte.map { "\\x" + String($0, radix: 16) } ?? escaped(asASCII: true) }
}

extension String {
  /// The text on one line and without control of the terminal, as the log shows it: control characters, and bytes of
  /// file names that are not UTF-8, are escaped.
  package var printable: String {
    guard unicodeScalars.contains(where: \.isControl) else { return self }
    return unicodeScalars.reduce(into: "") { text, scalar in
      if scalar.isControl { text += scalar.escapeSequence } else { text.unicodeScalars.append(scalar) }
    }
  }
}

/// The known name that a mistyped name most likely stands for, for messages that ask "did you mean".
///
/// A known name is suggested if it is at most one edit away from a name of three to five bytes, or at most two edits
/// from a longer one. An edit inserts, drops or replaces one byte, or swaps two neighbours; the case of letters does
/// not count. Of several equally near names the first one is returned. Names further away are not suggested, since a
/// bad guess is worse than none.
public func suggestion(for name: String, among known: some Sequence<String>) -> String? {
  let wanted = name.utf8.map(lowercased)
  let allowance =
    switch wanted.count {
    case ...2: 0
    case ...5: 1
    default: 2
    }
  var nearest: (name: String, distance: Int)?
  for candidate in known {
    let bytes = candidate.utf8.map(lowercased)
    guard abs(bytes.count - wanted.count) <= allowance else { continue }
    let distance = editDistance(wanted, bytes)
    if distance <= allowance, distance < nearest?.distance ?? .max { nearest = (candidate, distance) }
  }
  return nearest?.name
}

/// ASCII letters folded to lower case, every other byte as it is.
private func lowercased(_ byte: UInt8) -> UInt8 {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// The optimal string alignment distance: the least number of insertions, deletions, replacements and swaps of
/// neighbours that turn one name into the other, with no byte edited twice.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var beforeLast = [Int]()
  var last = Array(0...right.count)
  for row in left.indices {
    var current = [row + 1]
    for column in right.indices {
      let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
      var least = min(replaced, last[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        least = min(least, beforeLast[column - 1] + 1)
      }
      current.append(least)
    }
    beforeLast = last
    last = current
  }
  return last[right.count]
}

/// Rows of text with aligned columns.
public struct TextTable {
  private var rows: [[String]] = []
  private let indentation: String

  /// - Parameter indentation: the number of blanks before each line.
  public init(indentation: Int = 0) { self.indentation = String(repeating: " ", count: indentation) }

  /// Adds a row. Control characters in its cells are escaped. The last cell of a row is not padded. Rows may have
  /// different numbers of cells.
  public mutating func add(_ cells: String...) { rows.append(cells.map(\.printable)) }

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

/// `text` as one word of a command that the reader is to type in a shell: in quotes if it has characters that a shell
/// would interpret.
package func shellWord(_ text: String) -> String {
  let plain = text.unicodeScalars.allSatisfy { scalar in
    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "/._-+=:,@%".unicodeScalars.contains(scalar)
  }
  return plain && !text.isEmpty ? text : "'\(text.replacing("'", with: "'\\''"))'"
}
