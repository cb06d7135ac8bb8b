/// IP addresses as text and as bytes in network order.
enum AddressLiteral {
  /// Four decimal numbers without leading zeros, which some readers take for octal.
  static func ipv4(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { part in UInt8(part).flatMap { String($0) == part ? $0 : nil } }
    return parts.count == 4 && bytes.count == 4 ? bytes : nil
  }

  /// RFC 4291, section 2.2: eight groups, `::` for a run of zero groups, the last four bytes as IPv4. No zone.
  static func ipv6(_ text: Substring) -> [UInt8]? {
    guard let gap = firstGap(in: text) else {
      guard let bytes = groups(text), bytes.count == 16 else { return nil }
      return bytes
    }
    guard let head = groups(text[..<gap.lowerBound], mayEndInIPv4: false), let tail = groups(text[gap.upperBound...]),
      head.count + tail.count <= 14
    else { return nil }
    return head + Array(repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  static func ipv4Text(_ bytes: [UInt8]) -> String {
    bytes.map { String($0) }.joined(separator: ".")
  }

  /// RFC 5952, section 4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`.
  static func ipv6Text(_ bytes: [UInt8]) -> String {
    let groups = stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    func joined(_ groups: ArraySlice<UInt16>) -> String {
      groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
    let zeros = longestZeroRun(in: groups)
    guard zeros.count >= 2 else { return joined(groups[...]) }
    return joined(groups[..<zeros.lowerBound]) + "::" + joined(groups[zeros.upperBound...])
  }

  private static func firstGap(in text: Substring) -> Range<Substring.Index>? {
    var index = text.startIndex
    while let colon = text[index...].firstIndex(of: ":") {
      index = text.index(after: colon)
      if text[index...].first == ":" { return colon..<text.index(after: index) }
    }
    return nil
  }

  private static func groups(_ text: Substring, mayEndInIPv4: Bool = true) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var bytes: [UInt8] = []
    for (index, part) in parts.enumerated() {
      if mayEndInIPv4, index == parts.count - 1, let last = ipv4(part) {
        bytes += last
      } else if let group = group(part) {
        bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
      } else {
        return nil
      }
    }
    return bytes
  }

  private static func group(_ text: Substring) -> UInt16? {
    guard (1...4).contains(text.utf8.count), text.first != "+", text.first != "-" else { return nil }
    return UInt16(text, radix: 16)
  }

  private static func longestZeroRun(in groups: [UInt16]) -> Range<Int> {
    var longest = 0..<0
    var start = 0
    for index in groups.indices {
      if groups[index] != 0 {
        start = index + 1
      } else if index + 1 - start > longest.count {
        longest = start..<(index + 1)
      }
    }
    return longest
  }
}
