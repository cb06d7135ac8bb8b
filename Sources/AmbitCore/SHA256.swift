/// The SHA-256 of some bytes (FIPS 180-4): it identifies the content of a plugin, independently of the file's inode and
/// time.
public struct SHA256: Hashable, Sendable, CodableByText {
  private let words: InlineArray<8, UInt32>

  /// Hashes `bytes` in one pass, copying at most the last 64 of them.
  public init(of bytes: Span<UInt8>) {
    var pieces = Pieces()
    pieces.append(bytes)
    self = pieces.hash
  }

  /// The first 16 hexadecimal digits of the hash of a text: a short name for a path, to be part of a file name.
  public static func key(_ text: String) -> String {
    String(SHA256(of: Array(text.utf8).span).description.prefix(16))
  }

  /// Hashes bytes that arrive in pieces of any size, and keeps at most 63 of them.
  public struct Pieces {
    private var state = SHA256.initialState
    private var schedule = [UInt32](repeating: 0, count: 64)
    /// The bytes after the last complete block.
    private var rest: [UInt8] = []
    private var total = 0

    public init() {}

    /// Appends `bytes` to the bytes before.
    public mutating func append(_ bytes: Span<UInt8>) {
      total += bytes.count
      var start = 0
      if !rest.isEmpty {
        start = min(64 - rest.count, bytes.count)
        for index in 0..<start { rest.append(bytes[index]) }
        guard rest.count == 64 else { return }
        let block = rest
        rest = []
        SHA256.compress(block.span, into: &state, schedule: &schedule)
      }
      while bytes.count - start >= 64 {
        SHA256.compress(bytes.extracting(start..<start + 64), into: &state, schedule: &schedule)
        start += 64
      }
      for index in start..<bytes.count { rest.append(bytes[index]) }
    }

    /// The hash of all bytes so far.
    public var hash: SHA256 {
      var (state, schedule) = (state, schedule)
      let padding = SHA256.padded(rest.span, total: total)
      for start in stride(from: 0, to: padding.count, by: 64) {
        SHA256.compress(padding.span.extracting(start..<start + 64), into: &state, schedule: &schedule)
      }
      return SHA256(words: InlineArray { state[$0] })
    }
  }

  private init(words: InlineArray<8, UInt32>) { self.words = words }

  /// Parses the description of a hash; nil if `text` is not one.
  public init?(hexadecimal text: String) {
    let digits = Array(text)
    guard digits.count == 64 else { return nil }
    let words = stride(from: 0, to: 64, by: 8).compactMap { UInt32(String(digits[$0..<$0 + 8]), radix: 16) }
    guard words.count == 8 else { return nil }
    self.words = InlineArray { words[$0] }
  }

  public init(canonical text: String) throws {
    guard let hash = SHA256(hexadecimal: text) else { throw NotAHash() }
    self = hash
  }

  private struct NotAHash: Error {}

  public static func == (one: SHA256, other: SHA256) -> Bool { one.all == other.all }

  public func hash(into hasher: inout Hasher) { hasher.combine(all) }

  private var all: [UInt32] { words.indices.map { words[$0] } }

  /// All 64 hexadecimal digits, in lower case.
  public var description: String {
    all.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  /// The first 12 hexadecimal digits, which are enough to distinguish builds in file names and log lines.
  public var prefix: String { String(description.prefix(12)) }

  /// The rest of the message, a one bit, zeros, and the message's length in bits (5.1.1).
  private static func padded(_ rest: Span<UInt8>, total: Int) -> [UInt8] {
    var block = [UInt8]()
    block.reserveCapacity(128)
    for index in rest.indices { block.append(rest[index]) }
    block.append(0x80)
    while block.count % 64 != 56 { block.append(0) }
    let bits = UInt64(total) * 8
    for shift in stride(from: 56, through: 0, by: -8) { block.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift))) }
    return block
  }

  /// Adds one block of 64 bytes to the state (6.2.2). `schedule` is working memory: 64 words of any content.
  private static func compress(_ block: Span<UInt8>, into state: inout [UInt32], schedule: inout [UInt32]) {
    for index in 0..<16 {
      let byte = index * 4
      schedule[index] =
        UInt32(block[byte]) << 24 | UInt32(block[byte + 1]) << 16
        | UInt32(block[byte + 2]) << 8 | UInt32(block[byte + 3])
    }
    for index in 16..<64 {
      let (early, late) = (schedule[index - 15], schedule[index - 2])
      let sigma0 = rotated(early, 7) ^ rotated(early, 18) ^ early >> 3
      let sigma1 = rotated(late, 17) ^ rotated(late, 19) ^ late >> 10
      schedule[index] = schedule[index - 16] &+ sigma0 &+ schedule[index - 7] &+ sigma1
    }
    var (a, b, c, d) = (state[0], state[1], state[2], state[3])
    var (e, f, g, h) = (state[4], state[5], state[6], state[7])
    for index in 0..<64 {
      let sum1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)
      let choice = e & f ^ ~e & g
      let first = h &+ sum1 &+ choice &+ roundConstants[index] &+ schedule[index]
      let sum0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)
      let majority = a & b ^ a & c ^ b & c
      (h, g, f, e) = (g, f, e, d &+ first)
      (d, c, b, a) = (c, b, a, first &+ sum0 &+ majority)
    }
    for (index, word) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= word }
  }

  @inline(__always)
  private static func rotated(_ word: UInt32, _ bits: UInt32) -> UInt32 { word &>> bits | word &<< (32 - bits) }

  /// The first 32 bits of the fractional parts of the square roots of the first eight primes (5.3.3).
  private static let initialState: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]

  /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2).
  private static let roundConstants: [UInt32] = [
    0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
    0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
    0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
    0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
    0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
    0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
    0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
    0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
  ]
}
