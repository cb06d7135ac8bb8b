import AmbitCore
import TestSupport
import Testing

@Suite("A parser that has read heads before")
struct HeadReuseTests {
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `A parser that has read other heads finds the same as a new one`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var parser = HeadParser()
    for _ in 0..<200 {
      let valid = RandomRequest(using: &random).bytes(using: &random)
      let bytes = random.chance(50) ? random.mutated(valid) : valid
      #expect(ReadHead(bytes, with: &parser) == ReadHead(bytes), "seed \(seed): \(bytes.quoted)")
    }
  }

  @Test func `A parser does not take a malformed host for the host that it knows`() {
    var parser = HeadParser()
    for (host, result) in [
      ("a.example:80", HeadResult.complete), ("a.example:8x", .rejected(.invalidHost)),
      ("a.example:80", .complete), ("a.e\"ample:80", .rejected(.invalidHost)),
      ("abcdefgh.1234567", .complete), ("abcdefgh.1234567\"", .rejected(.invalidHost)),
      ("abcdefgh/.1234567", .rejected(.invalidHost)), ("abcdefgh.1234567", .complete),
    ] {
      let bytes = Array(request("GET / HTTP/1.1", "Host: \(host)").utf8)
      #expect(ReadHead(bytes, with: &parser).result == result, "\(host)")
    }
  }
}
