extension Int {
  /// The number with a noun: "1 job", "2 jobs". `noun` is the singular.
  public func pluralized(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}

/// The text, truncated to 40 scalars for a message of one line. Scalars that do not print are escaped.
func truncated(_ text: String) -> String {
  let longest = 40
  let scalars = text.unicodeScalars
  let plain = scalars.prefix(longest).map { isShownPlainly($0) ? String($0) : $0.escaped(asASCII: true) }.joined()
  return scalars.dropFirst(longest).isEmpty ? plain : plain + "…"
}

/// Whether the scalar prints as it is in a line of text.
private func isShownPlainly(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: false
  default: true
  }
}

extension Unicode.Scalar {
  /// Whether the scalar may end a line or control a terminal. Log lines contain it only escaped.
  public var isControl: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || (0x2028...0x2029).contains(value)
  }
}
