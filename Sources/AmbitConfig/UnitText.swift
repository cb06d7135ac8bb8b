internal import AmbitCore

/// Durations as in `host.conf`: whole amounts with units, the largest unit first, such as "250ms" or "1m30s".
enum DurationText {
  private static let units: [(name: String, nanoseconds: Int64)] = [
    ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000),
  ]

  /// Parses a duration, at most `Int64.max` nanoseconds; nil if the text is malformed.
  static func duration(in text: String) -> Duration? {
    guard !text.isEmpty else { return nil }
    var total: Int64 = 0
    var smaller = units[...]
    var rest = Substring(text)
    while !rest.isEmpty {
      guard let (amount, name) = takeAmount(from: &rest),
        let index = smaller.firstIndex(where: { $0.name == name })
      else { return nil }
      let (length, tooLong) = amount.multipliedReportingOverflow(by: units[index].nanoseconds)
      let (sum, tooMuch) = total.addingReportingOverflow(length)
      total = tooLong || tooMuch ? .max : sum
      smaller = units[(index + 1)...]
    }
    return .nanoseconds(total)
  }

  /// The shortest text for the duration, in whole microseconds.
  static func text(for duration: Duration) -> String {
    var text = ""
    var rest = duration.wholeNanoseconds
    for unit in units where rest >= unit.nanoseconds {
      text += "\(rest / unit.nanoseconds)\(unit.name)"
      rest %= unit.nanoseconds
    }
    return text.isEmpty ? "0s" : text
  }

  /// A hint for a malformed text.
  static func hint(for text: String) -> String? {
    if text.contains(".") { return #"a fraction is written in a smaller unit, such as "1s500ms" for 1.5 seconds"# }
    let onlyDigits = !text.isEmpty && text.allSatisfy { ("0"..."9").contains($0) }
    return onlyDigits ? hint(forSeconds: text) : nil
  }

  /// A hint for a number without a unit.
  static func hint(forSeconds digits: String) -> String {
    "did you mean \(quoted(digits + "s"))?"
  }

  /// Digits and the letters after them. An amount that is too large becomes the largest integer.
  private static func takeAmount(from text: inout Substring) -> (amount: Int64, unit: String)? {
    let digits = text.prefix { ("0"..."9").contains($0) }
    let unit = text.dropFirst(digits.count).prefix { ("a"..."z").contains($0) }
    guard !digits.isEmpty, !unit.isEmpty else { return nil }
    text = text.dropFirst(digits.count + unit.count)
    return (Int64(digits) ?? .max, String(unit))
  }
}

/// Sizes as in `host.conf`: a whole amount with a binary unit, such as "8MiB".
enum SizeText {
  private static let units: [(name: String, bytes: Int)] = [
    ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
  ]

  /// Parses a size in bytes, at most `Int.max`; nil if the text is malformed. Zero needs no unit.
  static func bytes(in text: String) -> Int? {
    if text == "0" { return 0 }
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

  /// A hint for a malformed text: the binary unit instead of a decimal or abbreviated one.
  static func hint(for text: String) -> String? {
    let (digits, name) = split(text)
    if name.isEmpty, !digits.isEmpty { return "a number of bytes is written without quotes, \(digits)" }
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
