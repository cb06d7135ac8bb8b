/// What normalising a path came to.
public enum NormalPath: Sendable, Hashable, BitwiseCopyable {
  /// The bytes as sent are the normal path; nothing was copied, and the segments are ranges of what was sent.
  case asSent(segments: Int)
  /// The normal path is the first `length` bytes of the buffer, and the segments are ranges of the buffer.
  case rewritten(length: Int, segments: Int)
  /// The path names nothing that may be served.
  case refused(PathRefusal)
}

/// Why a path is refused before any route is looked for.
public enum PathRefusal: UInt8, Error, Sendable, Hashable, CaseIterable, BitwiseCopyable {
  /// The first byte is no slash.
  case notAbsolute
  /// A `%` without two hexadecimal digits after it.
  case malformedEscape
  /// `%00`, at which code that takes the path for a C string would cut it off.
  case nul
  /// `..` where nothing is left to go up from.
  case climbsAboveRoot
  /// An encoded slash makes a `.` or `..` component, which code that takes the path for a file name would follow.
  case hiddenDotSegment
  /// More segments than the caller has room for.
  case tooManySegments

  /// The status of the response.
  public var status: UInt16 {
    self == .tooManySegments ? 414 : 400
  }

  /// One line for the body of the response.
  public var text: StaticString {
    switch self {
    case .notAbsolute: "the path does not begin with a slash"
    case .malformedEscape: "a % in the path is not followed by two hexadecimal digits"
    case .nul: "the path contains an encoded NUL"
    case .climbsAboveRoot: "the path climbs above the root"
    case .hiddenDotSegment: "an encoded slash in the path makes a dot segment"
    case .tooManySegments: "the path has too many segments"
    }
  }
}
