/// Finds the bytes of a request's body after its head, and the end of the body (RFC 9112, section 6.3).
public struct BodyReader: Sendable {
  /// Bytes still to come of a body that is not at its end; nil for a chunked body, whose end only the decoder finds.
  public private(set) var remaining: Int64? = 0
  /// Whether every byte of the body has been taken.
  public private(set) var isAtEnd = true
  private var decoder = ChunkedDecoder()

  /// A reader of no body.
  public init() {}

  /// Forgets the body that was being read. Field by field: a whole new value would be made on the stack and copied.
  @inline(__always)
  public mutating func reset() { isAtEnd = true }

  /// Begins to read a body of this length, as the head says. Not needed after `reset` if there is no body.
  public mutating func begin(_ length: BodyLength) {
    switch length {
    case .none: isAtEnd = true
    case .known(let length):
      remaining = length
      isAtEnd = length == 0
    case .unknown:
      remaining = nil
      decoder = ChunkedDecoder()
      isAtEnd = false
    }
  }

  /// Takes the next bytes, which follow the bytes that earlier calls consumed.
  ///
  /// The bytes of the body are the last ones that the call consumed, as many as `data` says.
  public mutating func next(_ bytes: RawSpan) -> (consumed: Int, event: BodyEvent) {
    guard let remaining else {
      let (consumed, event) = decoder.next(bytes)
      if event == .end { isAtEnd = true }
      return (consumed, event)
    }
    if isAtEnd { return (0, .end) }
    if bytes.isEmpty { return (0, .incomplete) }
    let count = Int(min(Int64(bytes.byteCount), remaining))
    take(count)
    return (count, .data(count))
  }

  /// Counts bytes of a body of known length that were read past the buffer. Not more than remain.
  public mutating func take(_ count: Int) {
    guard let remaining else { return }
    self.remaining = remaining - Int64(count)
    isAtEnd = remaining == Int64(count)
  }

  /// Whether the body ends within these bytes, the next ones.
  public func ends(within bytes: RawSpan) -> Bool {
    if isAtEnd { return true }
    if let remaining { return Int64(bytes.byteCount) >= remaining }
    var decoder = decoder
    var start = 0
    while true {
      let (consumed, event) = decoder.next(bytes.extracting(start..<bytes.byteCount))
      guard case .data = event else { return event == .end }
      start += consumed
    }
  }
}
