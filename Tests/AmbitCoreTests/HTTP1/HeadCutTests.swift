import AmbitCore
import TestSupport
import Testing

@Suite("Cutting a head")
struct HeadCutTests {
  /// Small enough for many of the inputs to run into each of them.
  private static let tightLimits = HeadLimits(maxTarget: 40, maxHead: 300, maxFields: 6)

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `A random cut of a valid head changes nothing`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<100 {
      let request = RandomRequest(using: &random)
      let bytes = request.bytes(using: &random)
      let read = ReadHead(bytes, cuts: random.cuts(of: bytes.count))
      #expect(read == ReadHead(bytes), "seed \(seed): \(bytes.quoted)")
      expect(read, toBe: request, count: bytes.count, "seed \(seed): \(bytes.quoted)")
    }
  }

  private func expect(_ read: ReadHead, toBe request: RandomRequest, count: Int, _ comment: Comment) {
    #expect(read.result == .complete, comment)
    #expect(read.http1.length == count, comment)
    #expect(read.text(read.head.methodRange) == request.method, comment)
    #expect(read.path == request.path, comment)
    #expect(read.query == request.query, comment)
    #expect(Int(read.http1.minorVersion) == request.minorVersion, comment)
    #expect(read.head.body == request.body, comment)
    #expect(read.fieldTexts == request.fields.map { "\($0.name)=\($0.value)" }, comment)
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `A random cut of a damaged head changes nothing`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<150 {
      let bytes = random.mutated(RandomRequest(using: &random).bytes(using: &random)) + Array("GET /next".utf8)
      let limits = random.chance(50) ? Self.tightLimits : HeadLimits()
      let whole = ReadHead(bytes, limits: limits)
      for _ in 0..<3 {
        let cuts = random.cuts(of: bytes.count)
        #expect(ReadHead(bytes, cuts: cuts, limits: limits) == whole, "seed \(seed), cuts \(cuts): \(bytes.quoted)")
      }
      if whole.result == .complete { expectOneMeaning(of: bytes, whole, "seed \(seed): \(bytes.quoted)") }
    }
  }

  /// An accepted head has as many lines for a server that splits it at CR LF as for one that splits it at LF or at CR.
  private func expectOneMeaning(of bytes: [UInt8], _ read: ReadHead, _ comment: Comment) {
    let text = bytes[..<read.http1.length]
    let pairs = zip(text, text.dropFirst()).count { $0 == 0x0d && $1 == 0x0a }
    #expect(text.suffix(4) == [0x0d, 0x0a, 0x0d, 0x0a], comment)
    #expect(text.count { $0 == 0x0a } == pairs, comment)
    #expect(text.count { $0 == 0x0d } == pairs, comment)
    let emptyLines = text.prefix { $0 == 0x0d || $0 == 0x0a }.count / 2
    #expect(pairs == emptyLines + 1 + read.head.fieldCount + 1, comment)
  }

  @Test func `A cut at each place and pair of places of a head changes nothing`() {
    let heads = [
      request("POST /a?b HTTP/1.1", "Host: a", "Content-Length: 3"),
      request("POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked, chunked"),
      "\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/2.0\r\n\r\n",
    ].map { Array($0.utf8) }
    for bytes in heads {
      let whole = ReadHead(bytes)
      for first in 0...bytes.count {
        for second in first...bytes.count {
          #expect(ReadHead(bytes, cuts: [first, second]) == whole, "cuts \(first), \(second): \(bytes.quoted)")
        }
      }
    }
  }
}
