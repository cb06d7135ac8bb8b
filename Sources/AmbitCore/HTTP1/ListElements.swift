/// The elements of a comma-separated field value, without the whitespace around them (RFC 9110, section 5.6.1).
///
/// An empty value has one empty element. Quoted strings are not looked into.
struct ListElements {
  private var position: Int
  private let end: Int

  init(of value: ByteRange) {
    position = value.start
    end = value.end
  }

  mutating func next(in bytes: RawSpan) -> ByteRange? {
    if position > end { return nil }
    var start = position
    var stop = position
    while stop < end && bytes[octet: stop] != Ascii.comma { stop += 1 }
    position = stop + 1
    while start < stop && Ascii.isWhitespace(bytes[octet: start]) { start += 1 }
    while stop > start && Ascii.isWhitespace(bytes[octet: stop - 1]) { stop -= 1 }
    return ByteRange(from: start, to: stop)
  }
}
