/// The beginning of a text for a message of one line: at most 40 scalars, what does not print escaped.
func excerpt(_ text: String) -> String {
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
