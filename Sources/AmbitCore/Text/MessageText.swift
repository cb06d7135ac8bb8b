extension Int {
  /// "1 job", "2 jobs": so many of what `noun` names in the singular.
  public func pluralized(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}

/// The beginning of a text for a message of one line: at most 40 scalars, what does not print escaped.
func truncated(_ text: String) -> String {
  let longest = 40
  let scalars = text.unicodeScalars
  let plain = scalars.prefix(longest).map { isShownPlainly($0) ? String($0) : $0.escaped(asASCII: true) }.joined()
  return scalars.dropFirst(longest).isEmpty ? plain : plain + "…"
}

/// Whether the scalar can stand in a line of text as it is.
private func isShownPlainly(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: false
  default: true
  }
}

extension Unicode.Scalar {
  /// Whether it may end a line or steer a terminal: no log line contains it as it is.
  public var isControl: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || (0x2028...0x2029).contains(value)
  }
}
