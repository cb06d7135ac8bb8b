/// Decodes a name or value of a query or form body: `+` becomes a space, `%XX` one byte, once; a `%` without two
/// hexadecimal digits after it stands for itself, as the WHATWG URL standard has it.
/// - Parameter buffer: room for as many bytes as `range` has.
/// - Returns: how many bytes were written from the buffer's beginning on.
public func decodeFormText(_ range: ByteRange, of bytes: RawSpan, into buffer: inout MutableRawSpan) -> Int {
  var offset = Int(range.offset)
  let end = offset + Int(range.length)
  var count = 0
  while offset < end {
    buffer.storeBytes(of: nextFormOctet(of: bytes, at: &offset, end: end), toByteOffset: count, as: UInt8.self)
    count += 1
  }
  return count
}

/// Whether a name or value would be decoded to the given bytes.
func formText(_ range: ByteRange, of bytes: RawSpan, decodesTo text: RawSpan) -> Bool {
  var offset = Int(range.offset)
  let end = offset + Int(range.length)
  for place in 0..<text.byteCount {
    guard offset < end, nextFormOctet(of: bytes, at: &offset, end: end) == text[octet: place] else { return false }
  }
  return offset == end
}

/// The decoded byte at an offset, which is moved behind what stood for it.
@inline(__always)
private func nextFormOctet(of bytes: RawSpan, at offset: inout Int, end: Int) -> UInt8 {
  let byte = bytes[octet: offset]
  if byte == UInt8(ascii: "%"), let decoded = bytes.escapedOctet(at: offset, end: end) {
    offset += 3
    return decoded
  }
  offset += 1
  return byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte
}
