import AmbitCore
import Testing

/// The examples that NIST publishes with FIPS 180-4, and the lengths around the edges of a block.
@Suite struct `SHA-256` {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
    ),
  ])
  func `SHA-256 agrees with the published examples`(text: String, digest: String) {
    #expect(SHA256(of: Array(text.utf8).span).description == digest)
  }

  /// One digest over the digests of 0 to 200 bytes, computed with coreutils' sha256sum.
  @Test func `SHA-256 agrees with another implementation for each length around two block edges`() {
    var all = ""
    for length in 0...200 { all += SHA256(of: [UInt8](repeating: 0x61, count: length).span).description }
    #expect(
      SHA256(of: Array(all.utf8).span).description == "eb555248bd20c7831e511d4461b42c9b084e3a64b44d57b00051172f8afe03ff"
    )
  }

  @Test(arguments: [1, 63, 64, 65, 100, 1000])
  func `SHA-256 is the same for bytes that arrive in pieces`(size: Int) {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var pieces = SHA256.Pieces()
    for start in stride(from: 0, to: bytes.count, by: size) {
      let end = min(start + size, bytes.count)
      pieces.append(bytes.span.extracting(start..<end))
      let whole = SHA256(of: bytes.span.extracting(0..<end))
      #expect(pieces.hash == whole)
    }
  }

  @Test func `A digest begins with the prefix that names builds`() {
    let digest = SHA256(of: Array("abc".utf8).span)
    #expect(digest.prefix == "ba7816bf8f01")
  }
}
