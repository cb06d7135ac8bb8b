import Testing

@testable import AmbitCore

@Suite("Index of names") struct NameIndexTests {
  private func child(of parent: UInt32, named name: [UInt8], in index: NameIndex) -> UInt32 {
    var probes = 0
    return index.child(of: parent, named: name.span.bytes, offset: 0, length: name.count, probes: &probes)
  }

  private func digest(_ name: [UInt8], seed: UInt64) -> UInt64 {
    name.withOctets { $0.digest(at: 0, count: name.count, seed: seed) }
  }

  @Test func `The name index finds a name below its own parent only`() {
    let names = (0..<40).map { Array(repeating: UInt8(ascii: "n"), count: $0) }
    let entries = names.map { NameIndex.Entry(parent: 7, name: $0, child: UInt32($0.count + 1)) }
    let index = NameIndex(entries)
    for name in names {
      #expect(child(of: 7, named: name, in: index) == UInt32(name.count + 1))
      #expect(child(of: 8, named: name, in: index) == 0)
    }
  }

  @Test func `The name index is not misled by a name made to have the digest of another`() {
    let seed: UInt64 = 3
    // The digest after eight of sixteen bytes, which the digest of eight bytes is if the seed makes up for the length.
    func halfway(_ half: [UInt8]) -> UInt64 { digest(half, seed: seed ^ 16 << 32 ^ 8 << 32) }
    let first = Array("abcdefgh".utf8)
    let second = Array("ABCDEFGH".utf8)
    let difference = halfway(first) ^ halfway(second)
    let name = first + first
    let forged = second + first.indices.map { first[$0] ^ UInt8(truncatingIfNeeded: difference >> (8 * $0)) }
    #expect(digest(name, seed: seed) == digest(forged, seed: seed), "the forgery no longer collides")

    let index = NameIndex([NameIndex.Entry(parent: UInt32(seed), name: name, child: 1)])
    #expect(child(of: UInt32(seed), named: name, in: index) == 1)
    #expect(child(of: UInt32(seed), named: forged, in: index) == 0)
  }

  @Test func `The name index is not misled by two parents whose digests of a name agree where they are compared`()
    throws
  {
    let name = Array("name".utf8)
    var parents: [UInt64: UInt32] = [:]
    var twins: (UInt32, UInt32)?
    for parent in UInt32(0)..<2_000_000 where twins == nil {
      // The half that is kept and the place in the smallest index.
      let compared = digest(name, seed: UInt64(parent)) & 0xFFFF_FFFF_0000_0007
      if let other = parents.updateValue(parent, forKey: compared) { twins = (other, parent) }
    }
    let (parent, other) = try #require(twins)
    let index = NameIndex([NameIndex.Entry(parent: parent, name: name, child: 1)])
    #expect(child(of: parent, named: name, in: index) == 1)
    #expect(child(of: other, named: name, in: index) == 0)
  }
}

@Suite("Comparing bytes") struct OctetsTests {
  @Test(arguments: 0...33)
  func `Comparing octets notices a difference in any one byte`(count: Int) {
    let bytes = (0..<count).map { UInt8($0) + 65 }
    let shifted = [0] + bytes
    #expect(shifted.withOctets { $0.equals(at: 1, bytes.span, at: 0, count: count) })
    for place in 0..<count {
      var other = bytes
      other[place] ^= 0x80
      #expect(!shifted.withOctets { $0.equals(at: 1, other.span, at: 0, count: count) })
      #expect(shifted.withOctets { $0.digest(at: 1, count: count, seed: 5) } != digest(other, seed: 5))
    }
  }

  private func digest(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
    bytes.withOctets { $0.digest(at: 0, count: bytes.count, seed: seed) }
  }
}
