/// The text in quotes as a message shows it: control characters escaped, cut after 60 characters.
func quoted(_ text: String) -> String {
  let longest = 60
  var shown = "\""
  for scalar in text.prefix(longest).unicodeScalars {
    switch scalar {
    case "\"", "\\": shown += "\\\(scalar)"
    case _ where scalar.properties.generalCategory == .control: shown += scalar.escaped(asASCII: true)
    default: shown.unicodeScalars.append(scalar)
    }
  }
  return shown + (text.dropFirst(longest).isEmpty ? "\"" : "…\"")
}

/// `"a", "b" or "c"`.
func alternatives(_ names: [String]) -> String {
  let texts = names.map(quoted)
  guard let last = texts.last, texts.count > 1 else { return texts.joined() }
  return texts.dropLast().joined(separator: ", ") + " or " + last
}
