/// Why a text is not a signature, or asks for something that cannot be.
public struct SignatureError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The line in the text, from 1.
  public let line: Int
  /// The place in the line, from 1, in Unicode scalars.
  public let column: Int
  /// What is wrong there.
  public let message: String

  /// `1:19: unknown type...`: to be put behind the name of what holds the text and a colon.
  public var description: String { "\(line):\(column): \(message)" }

  /// A fault at a byte of a text.
  init(_ message: String, at offset: Int, of bytes: [UInt8]) {
    let before = bytes[..<offset]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    line = before.count { $0 == UInt8(ascii: "\n") } + 1
    column = String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1
    self.message = message
  }
}
