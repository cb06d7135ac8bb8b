/// Why bytes are not a JSON object that arguments can be taken from (RFC 8259).
public struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
  /// Where the fault is, in bytes from the beginning.
  public let offset: Int
  /// What would have been accepted there, for a sentence that begins with "expected".
  public let expected: String
  /// What stands there, for a sentence that goes on with "found".
  public let found: String

  /// One line with all three, the place as a byte that counts from 1.
  public var description: String { "expected \(expected) at byte \(offset + 1), found \(found)" }
}

extension RawSpan {
  /// A fault at a place.
  func jsonError(at offset: Int, expected: String) -> JSONError {
    guard offset < byteCount else { return JSONError(offset: offset, expected: expected, found: "the end") }
    guard let length = characterLength(at: offset, end: byteCount) else {
      let byte = String(self[octet: offset], radix: 16, uppercase: true)
      return JSONError(offset: offset, expected: expected, found: "the byte 0x\(byte)")
    }
    let character = (offset..<offset + length).map { self[octet: $0] }
    return JSONError(
      offset: offset, expected: expected, found: "`\(excerpt(String(decoding: character, as: UTF8.self)))`")
  }
}
