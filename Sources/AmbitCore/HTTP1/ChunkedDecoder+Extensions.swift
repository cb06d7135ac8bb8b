/// Where in `*( BWS ";" BWS name [ BWS "=" BWS value ] )` the next byte stands (RFC 9112, section 7.1.1).
enum ChunkExtension: Sendable, Equatable {
  /// Whitespace has come after a size, name or value; with `expectsEquals` a value may still follow.
  case expectsSemicolon, expectsEquals
  case nameStart, name
  case valueStart, token
  case quoted, escaped
  /// The quoted string has just been closed.
  case closed
}

extension ChunkedDecoder {
  /// Takes one byte of an extension. Whitespace is taken where the grammar has it, and so not before the line's end.
  mutating func extensionPlace(after byte: UInt8, in part: ChunkExtension) -> Place {
    if byte == Ascii.carriageReturn && Self.canEnd(part) { return .sizeLineFeed }
    if byte == Ascii.lineFeed { return .failed(.bareLineFeed) }
    extensionBytes += 1
    if extensionBytes > maxExtensions { return .failed(.chunkExtensionsTooLong) }
    guard let next = Self.part(after: byte, in: part) else { return .failed(.malformedChunkExtension) }
    return .extensions(next)
  }

  private static func canEnd(_ part: ChunkExtension) -> Bool {
    part == .name || part == .token || part == .closed
  }

  private static func part(after byte: UInt8, in part: ChunkExtension) -> ChunkExtension? {
    switch part {
    case .quoted: quotedPart(after: byte)
    case .escaped: Ascii.isFieldText(byte) ? .quoted : nil
    case .nameStart, .name: namePart(after: byte, in: part)
    case .valueStart, .token: valuePart(after: byte, in: part)
    case .closed, .expectsSemicolon: delimiter(after: byte, in: .expectsSemicolon)
    case .expectsEquals: delimiter(after: byte, in: .expectsEquals)
    }
  }

  private static func quotedPart(after byte: UInt8) -> ChunkExtension? {
    if byte == Ascii.quote { return .closed }
    if byte == Ascii.backslash { return .escaped }
    return Ascii.isFieldText(byte) ? .quoted : nil
  }

  private static func namePart(after byte: UInt8, in part: ChunkExtension) -> ChunkExtension? {
    if ByteClass.token.contains(byte) { return .name }
    if part == .name { return delimiter(after: byte, in: .expectsEquals) }
    return Ascii.isWhitespace(byte) ? .nameStart : nil
  }

  private static func valuePart(after byte: UInt8, in part: ChunkExtension) -> ChunkExtension? {
    if ByteClass.token.contains(byte) { return .token }
    if part == .token { return delimiter(after: byte, in: .expectsSemicolon) }
    if byte == Ascii.quote { return .quoted }
    return Ascii.isWhitespace(byte) ? .valueStart : nil
  }

  /// What follows a name or a value; `part` says which delimiters may.
  private static func delimiter(after byte: UInt8, in part: ChunkExtension) -> ChunkExtension? {
    if byte == Ascii.semicolon { return .nameStart }
    if byte == Ascii.equals && part == .expectsEquals { return .valueStart }
    return Ascii.isWhitespace(byte) ? part : nil
  }
}
