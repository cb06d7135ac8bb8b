import AmbitCore
import TestSupport
import Testing

@Suite("Cutting a chunked body")
struct ChunkedCutTests {
  /// A valid chunked body made at random.
  private struct RandomBody {
    var data: [UInt8] = []
    var bytes: [UInt8] = []

    init(using random: inout SeededGenerator) {
      let extensions = ["", "", ";a", ";a=b", " ; a = \"b;\\\"\t\"", ";signature=0123456789abcdef"]
      for _ in 0..<random.number(0...5) {
        let chunk = (0..<random.number(1...40)).map { _ in random.element(of: [0x0d, 0x0a, 0x30, 0xff] as [UInt8]) }
        let size = String(repeating: "0", count: random.number(0...3)) + String(chunk.count, radix: 16)
        bytes += Array("\(size)\(random.element(of: extensions))\r\n".utf8) + chunk + [0x0d, 0x0a]
        data += chunk
      }
      let trailers = ["", "", "X: y\r\n", "A:\r\nB: c d\t\r\n"]
      bytes += Array("0\(random.element(of: extensions))\r\n\(random.element(of: trailers))\r\n".utf8)
    }
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `A random cut of a valid body changes nothing`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<100 {
      let body = RandomBody(using: &random)
      let cuts = random.cuts(of: body.bytes.count)
      let read = ReadBody(body.bytes + Array("GET /next".utf8), cuts: cuts)
      #expect(
        read == ReadBody(data: body.data, consumed: body.bytes.count, last: .end),
        "seed \(seed), cuts \(cuts): \(body.bytes.quoted)")
    }
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `A random cut of a damaged body changes nothing`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<150 {
      let bytes = random.mutated(RandomBody(using: &random).bytes)
      let decoder = random.chance(50) ? ChunkedDecoder(maxExtensions: 20, maxTrailers: 6) : ChunkedDecoder()
      let whole = ReadBody(bytes, decoder: decoder)
      for _ in 0..<3 {
        let cuts = random.cuts(of: bytes.count)
        #expect(ReadBody(bytes, cuts: cuts, decoder: decoder) == whole, "seed \(seed), cuts \(cuts): \(bytes.quoted)")
      }
    }
  }
}
