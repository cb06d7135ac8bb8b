/// The routes of paths that were asked for not long ago: most requests to a server name few paths, and to find the
/// route of such a path again costs more than all else that is done for it.
///
/// Paths of at most 16 bytes, each with its method, in a table of 64 places: of two that belong in one place the later
/// one is kept. What is known holds for one `RouteTable` only.
public struct RouteCache: Sendable {
  private struct Entry {
    /// The first and the last eight bytes of the path, which may overlap; one number if there are fewer.
    var first: UInt64 = 0
    var last: UInt64 = 0
    /// 0: the place is free.
    var length: UInt32 = 0
    var method = Method.other
    var route = 0
  }

  private var entries = InlineArray<64, Entry>(repeating: Entry())

  /// None.
  public init() {}

  /// The route of a path as it was sent; nil if it is not known. Changes nothing: of a value behind a pointer, a
  /// function that says so would get a copy.
  public mutating func route(_ method: Method, _ path: RawSpan) -> Int? {
    guard let key = Self.key(of: path) else { return nil }
    let entry = entries[Self.place(of: key)]
    guard entry.first == key.first, entry.last == key.last, entry.length == key.length, entry.method == method else {
      return nil
    }
    return entry.route
  }

  /// Keeps what was found for a path that is normal as it was sent. Nothing is kept of an unusual method.
  public mutating func keep(_ route: Int, for method: Method, _ path: RawSpan) {
    guard method != .other, var entry = Self.key(of: path) else { return }
    entry.method = method
    entry.route = route
    entries[Self.place(of: entry)] = entry
  }

  @inline(__always)
  private static func key(of path: RawSpan) -> Entry? {
    let length = path.byteCount
    guard length > 0, length <= 16 else { return nil }
    if length < RawSpan.numberSize {
      return Entry(first: path.number(at: 0, count: length), length: UInt32(truncatingIfNeeded: length))
    }
    return Entry(
      first: path.word(at: 0), last: path.word(at: length &- 8), length: UInt32(truncatingIfNeeded: length))
  }

  /// The highest bits of a product depend on all of its factors' bits.
  @inline(__always)
  private static func place(of entry: Entry) -> Int {
    let mixed = (entry.first &* 0x9E37_79B9_7F4A_7C15 ^ entry.last) &* 0xD6E8_FEB8_6659_FD93
    return Int(truncatingIfNeeded: mixed &>> 58)
  }
}
