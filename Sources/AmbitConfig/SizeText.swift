/// How `host.conf` writes a size: a whole amount with a binary unit, such as "8MiB".
enum SizeText {
  private static let units: [(name: String, bytes: Int)] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
  ]

  /// The bytes that the text means, `Int.max` at most; nil if it is not of the form.
  static func bytes(in text: String) -> Int? {
    let (digits, name) = split(text)
    guard !digits.isEmpty, let unit = units.first(where: { $0.name == name }) else { return nil }
    let (bytes, overflow) = (Int(digits) ?? .max).multipliedReportingOverflow(by: unit.bytes)
    return overflow ? .max : bytes
  }

  /// The shortest exact text for the size.
  static func text(for bytes: Int) -> String {
    guard bytes > 0, let unit = units.first(where: { bytes.isMultiple(of: $0.bytes) }) else { return "\(bytes)B" }
    return "\(bytes / unit.bytes)\(unit.name)"
  }

  /// What was probably meant by a text that is not of the form: the binary unit for a decimal or a shortened one.
  static func hint(for text: String) -> String? {
    let (digits, name) = split(text)
    guard !digits.isEmpty, let letter = name.first?.uppercased(), name.count <= 3,
      let unit = units.first(where: { $0.name.hasPrefix(letter) }),
      ["", "b", "ib"].contains(name.dropFirst().lowercased())
    else { return nil }
    return "did you mean \(quoted(digits + unit.name))?"
  }

  private static func split(_ text: String) -> (digits: String, unit: String) {
    let digits = text.prefix { ("0"..."9").contains($0) }
    return (String(digits), String(text.dropFirst(digits.count)))
  }
}
