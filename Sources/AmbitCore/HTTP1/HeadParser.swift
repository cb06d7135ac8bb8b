/// What the bytes seen so far amount to.
public enum HeadResult: Sendable, Equatable {
  /// Call again with the same bytes and more behind them.
  case incomplete
  /// The head is whole; `HTTP1Head.length` tells where the body begins.
  case complete
  case rejected(HTTPParseError)
}

/// What HTTP/1 says of a request besides its head: how the message goes on, and what becomes of the connection.
public struct HTTP1Head: Sendable, Equatable {
  /// 0 for HTTP/1.0; 1 for HTTP/1.1 and each later 1.x.
  public var minorVersion: UInt8 = 0
  /// Whether the client expects to send another request on this connection (RFC 9112, section 9.3).
  public var keepsAlive = false
  /// Bytes of the head, with empty lines before it and the blank line after it.
  public var length = 0

  public init() {}
}

/// Reads one request head, strictly, and from any pieces (RFC 9112, sections 2 to 7).
///
/// Whatever two servers could read differently is rejected: what a proxy in front of the host took for one request
/// must not become two here. The answer does not depend on how the bytes were cut, because each decision, limits
/// included, is taken at a byte and depends on that byte and those before it only. A call goes on at the line where the
/// last one ran out of bytes; lines that were read are not read again.
public struct HeadParser: Sendable {
  /// Empty lines that a client may send before its request line (RFC 9112, section 2.2).
  static var maxEmptyLines: Int { 4 }

  private(set) var limits: HeadLimits
  /// The first byte of the line to be read next.
  var position = 0
  var emptyLines = 0
  var isInFields = false
  var seen: SeenFields = []
  /// Of a head that was read before, this one or another.
  var hostCache = HostCache()
  /// Of the head that was read last; whole once `parse` has returned `complete`.
  public internal(set) var http1 = HTTP1Head()

  public init(limits: HeadLimits = HeadLimits()) {
    self.limits = limits
  }

  /// Forgets the head that was being read. Needed before the next one, after `complete` as after `rejected`.
  @inline(__always)
  public mutating func reset() {
    position = 0
    emptyLines = 0
    isInFields = false
    seen = []
  }

  /// The same, for a head to which other limits apply.
  @inline(__always)
  public mutating func reset(limits: HeadLimits) {
    self.limits = limits
    reset()
  }

  /// Reads on in `bytes`, which begin at the first byte of the head and reach as far as was received.
  ///
  /// `head` and `fields` carry what was read so far from call to call. The number of fields is limited by the room in
  /// `fields` too. What lies behind the head does not matter. Does not allocate.
  public mutating func parse(
    _ bytes: RawSpan, into head: inout RequestHead, fields: inout MutableSpan<HeaderField>
  ) -> HeadResult {
    let window = bytes.extracting(first: Int(limits.maxHead))
    do throws(Interruption) {
      if !isInFields { try readRequestLine(window, into: &head) }
      try readFields(window, into: &head, fields: &fields)
      try finish()
      return .complete
    } catch {
      switch error {
      case .rejected(let error): return reject(error)
      case .outOfBytes where bytes.byteCount < Int(limits.maxHead): return .incomplete
      case .outOfBytes: return reject(isInFields ? .headTooLong : .targetTooLong)
      }
    }
  }

  /// Forgets a head that is not going to be whole: it says nothing about the connection.
  @inline(never)
  private mutating func reject(_ error: HTTPParseError) -> HeadResult {
    http1 = HTTP1Head()
    return .rejected(error)
  }

  /// Checks what only the end of the head can tell.
  @inline(__always)
  private mutating func finish() throws(Interruption) {
    if http1.minorVersion >= 1 && !seen.contains(.host) { throw .rejected(.missingHost) }
    http1.keepsAlive = !seen.contains(.close) && (http1.minorVersion >= 1 || seen.contains(.keepAlive))
    http1.length = position
  }
}

/// Why a step of a parser ends early.
enum Interruption: Error {
  case outOfBytes
  case rejected(HTTPParseError)
}

/// The largest request head that is read. What is exactly as large as a limit is accepted.
public struct HeadLimits: Sendable, Equatable {
  /// Bytes of the request target; a longer one is answered with 414.
  public var maxTarget: UInt32
  /// Bytes of the whole head with its blank line; a longer one is answered with 431, or 414 within the request line.
  /// A buffer of this size is enough: with so many bytes the parser is never `incomplete`.
  public var maxHead: UInt32
  /// Header lines; one more is answered with 431.
  public var maxFields: Int

  public init(maxTarget: UInt32 = 8192, maxHead: UInt32 = 32768, maxFields: Int = 100) {
    self.maxTarget = maxTarget
    self.maxHead = maxHead
    self.maxFields = maxFields
  }
}
