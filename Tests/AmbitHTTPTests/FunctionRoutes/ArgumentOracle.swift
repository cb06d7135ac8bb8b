import AmbitCore
import Glibc

/// What arguments mean, as the C library has it.
enum ArgumentOracle {
  /// Adds to the digest what a text is as an argument of that type; false if it is none.
  static func add(_ text: [UInt8], as type: CType, to digest: inout Digest) -> Bool {
    switch type {
    case .str where text.contains(0): return false
    case .str, .bytes: text.withUnsafeBytes { digest.add($0) }
    case .bool:
      switch String(decoding: text, as: UTF8.self) {
      case "true", "1": digest.add(bits: 1)
      case "false", "0": digest.add(bits: 0)
      default: return false
      }
    default:
      guard let bits = type.isInteger ? integer(text, type) : float(text, type) else { return false }
      digest.add(bits: bits)
    }
    return true
  }

  static func accepts(_ text: [UInt8], as type: CType) -> Bool {
    var digest = Digest()
    return add(text, as: type, to: &digest)
  }

  private static func integer(_ text: [UInt8], _ type: CType) -> UInt64? {
    guard isNumber(text, withFraction: false) else { return nil }
    let string = text.map { CChar(bitPattern: $0) } + [0]
    errno = 0
    if type.isSignedInteger {
      let value = strtoll(string, nil, 10)
      let limit = Int64.max >> Int64(64 - 8 * type.byteCount)
      guard errno == 0, value <= limit, value >= -limit - 1 else { return nil }
      return UInt64(bitPattern: value) & (.max >> UInt64(64 - 8 * type.byteCount))
    }
    let value = strtoull(string, nil, 10)
    guard errno == 0, text[0] != UInt8(ascii: "-"), value <= .max >> UInt64(64 - 8 * type.byteCount) else { return nil }
    return value
  }

  private static func float(_ text: [UInt8], _ type: CType) -> UInt64? {
    let isName = ["nan", "inf", "-inf"].contains(String(decoding: text, as: UTF8.self))
    guard isName || isNumber(text, withFraction: true) else { return nil }
    let string = text.map { CChar(bitPattern: $0) } + [0]
    if type == .f32 {
      let value = strtof(string, nil)
      return value.isInfinite && !isName ? nil : Digest.bits(of: value)
    }
    let value = strtod(string, nil)
    return value.isInfinite && !isName ? nil : Digest.bits(of: value)
  }

  /// Whether a text is a number of JSON (RFC 8259, section 6), with a fraction and an exponent at most if they are
  /// allowed.
  static func isNumber(_ text: [UInt8], withFraction: Bool) -> Bool {
    var rest = text[...]
    func digits() -> Int {
      let count = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
      rest = rest.dropFirst(count)
      return count
    }
    func skip(_ characters: String) -> Bool {
      guard let first = rest.first, characters.utf8.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    _ = skip("-")
    let startsWithZero = rest.first == UInt8(ascii: "0")
    let count = digits()
    guard count > 0, !startsWithZero || count == 1 else { return false }
    guard withFraction else { return rest.isEmpty }
    if skip("."), digits() == 0 { return false }
    if skip("eE") {
      _ = skip("+-")
      if digits() == 0 { return false }
    }
    return rest.isEmpty
  }
}
