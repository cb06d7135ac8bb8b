/// A plugin's text in quotes for a message of one line: what a terminal or a log would not show as it is, is escaped.
func quoted(_ text: String) -> String {
  "\"" + text.unicodeScalars.map { isPlain($0) ? String($0) : $0.escaped(asASCII: true) }.joined() + "\""
}

/// Whether the text can stand in a log line as it is.
func isOneLine(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(isPlain) }

private func isPlain(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator: false
  default: true
  }
}

/// As C code would write it.
func hexadecimal(_ number: UInt32) -> String { "0x" + String(number, radix: 16) }
