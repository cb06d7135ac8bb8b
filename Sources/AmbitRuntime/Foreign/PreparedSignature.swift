internal import AmbitCore
internal import AmbitFFI

/// A signature that a plugin gave as text, with everything that calls by it need.
final class PreparedSignature {
  let text: String
  let signature: CSignature
  let interface: CallInterface
  private let use: SignatureUse

  /// Reads the text.
  init(_ text: UnsafeRawBufferPointer, for use: SignatureUse) throws(ForeignCallError) {
    self.text = String(decoding: text, as: UTF8.self)
    self.use = use
    do throws(SignatureError) {
      signature = try CSignature(parsing: self.text, for: use)
    } catch {
      throw ForeignCallError(reason: "signature \"\(self.text)\":\(error)")
    }
    interface = CallInterface(signature)
  }

  deinit { interface.release() }

  /// Whether this is the signature that `text` stands for.
  func isMade(of text: UnsafeRawBufferPointer, for use: SignatureUse) -> Bool {
    guard use == self.use else { return false }
    var own = self.text
    return own.withUTF8 { $0.elementsEqual(text) }
  }
}

/// The signatures that plugins have given on one loop, as a cache: a text that was parsed before is only compared.
///
/// Each text has two places, and a new text takes the place of the one that was used longer ago. So the memory is
/// bounded, and a plugin that makes up new texts pays for parsing them. A signature stays as long as a call uses it.
struct PreparedSignatures {
  private static var setCount: Int { 64 }
  /// Pairs of places, the one used last first. Empty before the first use.
  private(set) var places: [PreparedSignature?] = []

  /// The signature that `text` stands for.
  /// - Throws: the reason if `text` is no signature for `use`.
  mutating func find(_ text: UnsafeRawBufferPointer, for use: SignatureUse) throws(ForeignCallError)
    -> PreparedSignature
  {
    if places.isEmpty { places = Array(repeating: nil, count: Self.setCount * 2) }
    let place = Self.hash(text) % Self.setCount * 2
    if let first = places[place], first.isMade(of: text, for: use) { return first }
    if let second = places[place + 1], second.isMade(of: text, for: use) {
      places.swapAt(place, place + 1)
      return second
    }
    let new = try PreparedSignature(text, for: use)
    places[place + 1] = places[place]
    places[place] = new
    return new
  }

  /// FNV-1a, over eight bytes at a time where there are so many.
  private static func hash(_ text: UnsafeRawBufferPointer) -> Int {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    var index = 0
    while index + 8 <= text.count {
      hash = (hash ^ text.loadUnaligned(fromByteOffset: index, as: UInt64.self)) &* 0x100_0000_01b3
      index += 8
    }
    while index < text.count {
      hash = (hash ^ UInt64(text[index])) &* 0x100_0000_01b3
      index += 1
    }
    return Int((hash ^ hash >> 32) & 0xffff_ffff)
  }
}
