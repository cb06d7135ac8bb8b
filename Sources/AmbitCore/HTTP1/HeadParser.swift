/// The result of parsing the bytes so far.
public enum HeadResult: Sendable, Equatable {
  /// Call again with the same bytes and further ones after them.
  case incomplete
  /// The head is complete; `HTTP1Head.length` says where the body begins.
  case complete
  case rejected(HTTPParseError)
}

/// What HTTP/1 adds to a request's head: the length of the head, and whether the connection persists.
public struct HTTP1Head: Sendable, Equatable {
  /// 0 for HTTP/1.0; 1 for HTTP/1.1 and each later 1.x.
  public var minorVersion: UInt8 = 0
  /// Whether the client expects to send another request on this connection (RFC 9112, section 9.3).
  public var keepsAlive = false
  /// Bytes of the head, with empty lines before it and the blank line after it.
  public var length = 0

  public init() {}
}

/// Reads one request head, strictly, from bytes that arrive in any pieces (RFC 9112, sections 2 to 7).
///
/// It rejects everything that two servers could read differently: if a proxy in front of the host sees one request, the
/// host must not see two. The result does not depend on how the bytes were cut, because each decision, limits included,
/// is taken at a byte and depends only on that byte and those before it. A call continues at the line where the last
/// call ran out of bytes; lines that were read are not read again.
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

  /// Forgets the head that was being read. Call it before the next head, after `complete` as well as after `rejected`.
  @inline(__always)
  public mutating func reset() {
    position = 0
    emptyLines = 0
    isInFields = false
    seen = []
  }

  /// The same, with other limits for the next head.
  @inline(__always)
  public mutating func reset(limits: HeadLimits) {
    self.limits = limits
    reset()
  }

  /// Continues to read `bytes`, which are all received bytes from the first byte of the head on.
  ///
  /// `head` and `fields` carry what was read so far from call to call. The number of fields is limited by the room in
  /// `fields` too. Bytes after the head do not matter. Does not allocate.
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
      case .rejected(let error): return reject(error, window, into: &head)
      case .outOfBytes where bytes.byteCount < Int(limits.maxHead): return .incomplete
      case .outOfBytes: return reject(isInFields ? .headTooLong : .targetTooLong, window, into: &head)
      }
    }
  }

  /// Forgets a head that will not be completed: it says nothing about the connection.
  @inline(never)
  private mutating func reject(_ error: HTTPParseError, _ window: RawSpan, into head: inout RequestHead) -> HeadResult {
    if !isInFields { head.method = methodOfRejectedLine(window) }
    http1 = HTTP1Head()
    return .rejected(error)
  }

  /// Checks the rules that need the whole head.
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

/// The largest request head that is read. A value equal to its limit is accepted.
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

/// Why a request is not read any further. The connection ends after the answer, because nobody knows where the next
/// request would begin.
public enum HTTPParseError: Error, Sendable, Equatable, CaseIterable {
  case bareLineFeed, bareCarriageReturn, tooManyEmptyLines
  case invalidMethod, emptyTarget, forbiddenTargetByte, invalidTarget, invalidTargetHost, unsuitableTarget
  case malformedVersion, unsupportedVersion
  case foldedField, emptyFieldName, whitespaceBeforeColon, missingColon, invalidFieldName, invalidFieldValue
  case missingHost, repeatedHost, invalidHost
  case malformedContentLength, repeatedContentLength, twoLengths
  case malformedTransferEncoding, transferEncodingInOldVersion, unknownTransferCoding
  case unknownExpectation
  case targetTooLong, headTooLong, tooManyFields
  case malformedChunkSize, chunkTooLarge, malformedChunkExtension, chunkExtensionsTooLong
  case malformedChunkEnd, trailersTooLong
}

extension HTTPParseError {
  /// The status code of the answer.
  public var status: UInt16 {
    switch self {
    case .targetTooLong: 414
    case .unknownExpectation: 417
    case .headTooLong, .tooManyFields, .trailersTooLong: 431
    case .unknownTransferCoding: 501
    case .unsupportedVersion: 505
    default: 400
    }
  }

  /// One line for the client, without a line end.
  public var text: StaticString {
    switch self {
    case .bareLineFeed: "a line ends in LF alone; expected CR LF"
    case .bareCarriageReturn: "a CR is not followed by LF"
    case .tooManyEmptyLines: "too many empty lines before the request line"
    case .invalidMethod: "the request line does not begin with a method and one space"
    case .emptyTarget: "the request target is empty"
    case .forbiddenTargetByte: "the request target has a byte that must be percent-encoded"
    case .invalidTarget: "the request target is neither a path that begins with / nor an http URL"
    case .invalidTargetHost: "the URL in the request target does not have a host with an optional port"
    case .unsuitableTarget: "this form of request target is not allowed with the method"
    case .malformedVersion:
      """
      the request line does not end in one space and HTTP/1.1 or HTTP/1.0; a space in the target must be \
      percent-encoded as %20
      """
    case .unsupportedVersion: "the HTTP version is not supported; expected HTTP/1.1 or HTTP/1.0"
    case .foldedField: "a header line begins with whitespace"
    case .emptyFieldName: "a header line has no name before its colon"
    case .whitespaceBeforeColon: "a header line has whitespace before its colon"
    case .missingColon: "a header line has no colon"
    case .invalidFieldName: "the name in a header line has a byte that is not allowed there"
    case .invalidFieldValue: "a header value has a control character"
    case .missingHost: "the Host header is missing"
    case .repeatedHost: "there is more than one Host header"
    case .invalidHost: "the Host header is not a host with an optional port, or has an empty label"
    case .malformedContentLength: "the Content-Length header is not one decimal number below 2^63"
    case .repeatedContentLength: "there is more than one Content-Length header"
    case .twoLengths: "there are both a Content-Length and a Transfer-Encoding header"
    case .malformedTransferEncoding: "the Transfer-Encoding header is not chunked, once and last"
    case .transferEncodingInOldVersion: "a Transfer-Encoding header came with HTTP/1.0"
    case .unknownTransferCoding: "the transfer coding is not implemented; expected chunked"
    case .unknownExpectation: "the Expect header is not 100-continue"
    case .targetTooLong: "the request target is too long"
    case .headTooLong: "the request head is too long"
    case .tooManyFields: "there are too many header lines"
    case .malformedChunkSize: "a chunk size is not a hexadecimal number alone on its line"
    case .chunkTooLarge: "a chunk size is not below 2^63 in at most 16 digits"
    case .malformedChunkExtension: "a chunk extension is malformed"
    case .chunkExtensionsTooLong: "the chunk extensions are too long"
    case .malformedChunkEnd: "the data of a chunk is not followed by CR LF"
    case .trailersTooLong: "the trailer section is too long"
    }
  }
}
