import AmbitCore

/// The bits that a text has in a type.
func bits(_ text: String, _ type: CType) -> UInt64? {
  type.bits(of: Array(text.utf8).span.bytes)
}

/// The text of bits in a type.
func text(_ bits: UInt64, _ type: CType, form: ScalarText.Form = .text) -> String {
  ScalarText(bits, as: type, form: form).description
}

/// What decoding makes of a value.
func decoded(_ value: FieldValue, of bytes: [UInt8]) -> [UInt8] {
  guard value.needsDecoding else { return Array(bytes[value.range.bounds]) }
  var buffer = [UInt8](repeating: 0xEE, count: Int(value.range.length))
  var octets = buffer.mutableSpan
  var target = octets.mutableBytes
  let count = value.decodeText(of: bytes.span.bytes, into: &target)
  return Array(buffer.prefix(count))
}

/// How many random inputs a test tries: so many in a debug build, and a multiple of them in a release build.
func rounds(_ count: Int) -> Int {
  #if DEBUG
    count
  #else
    count * 500
  #endif
}
