import AmbitCore
import Testing

@Suite("Head limits")
struct HeadLimitTests {
  @Test func `The limit of the target is exact to the byte`() {
    let limits = HeadLimits(maxTarget: 10)
    for target in ["/234567890", "/?34567890", "/234?67890"] {
      #expect(ReadHead(request("GET \(target) HTTP/1.1", "Host: a"), limits: limits).result == .complete)
      #expect(ReadHead("GET \(target)x", limits: limits).result == .rejected(.targetTooLong))
      #expect(ReadHead("GET \(target)", limits: limits).result == .incomplete)
      #expect(ReadHead("GET \(target)\u{1}", limits: limits).result == .rejected(.forbiddenTargetByte))
    }
  }

  @Test func `The limit of the whole head is exact to the byte`() {
    let text = request("GET / HTTP/1.1", "Host: a", "X: \(String(repeating: "y", count: 100))")
    let count = UInt32(text.utf8.count)
    #expect(ReadHead(text, limits: HeadLimits(maxHead: count)).result == .complete)
    #expect(ReadHead(text + "body", limits: HeadLimits(maxHead: count)).result == .complete)
    #expect(ReadHead(text, limits: HeadLimits(maxHead: count - 1)).result == .rejected(.headTooLong))
    #expect(ReadHead(text + "body", limits: HeadLimits(maxHead: count - 1)).result == .rejected(.headTooLong))
  }

  @Test func `A head that never ends exceeds the limit`() {
    let limits = HeadLimits(maxHead: 64)
    let start = "GET / HTTP/1.1\r\nX: "
    let filler = String(repeating: "y", count: 64 - start.utf8.count)
    #expect(ReadHead(start + filler.dropLast(), limits: limits).result == .incomplete)
    #expect(ReadHead(start + filler, limits: limits).result == .rejected(.headTooLong))
  }

  @Test func `A request line that never ends is blamed on its target`() {
    let limits = HeadLimits(maxTarget: 1000, maxHead: 64)
    #expect(ReadHead("GET /" + String(repeating: "y", count: 59), limits: limits).result == .rejected(.targetTooLong))
    #expect(ReadHead("GET /" + String(repeating: "y", count: 58), limits: limits).result == .incomplete)
  }

  @Test func `The limits are checked before the bytes behind them`() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\n"
    let limits = HeadLimits(maxHead: UInt32(text.utf8.count))
    #expect(ReadHead(text + "\u{0}", limits: limits).result == .rejected(.headTooLong))
  }

  @Test func `The number of header lines is limited`() {
    let limits = HeadLimits(maxFields: 3)
    #expect(ReadHead(request("GET / HTTP/1.1", "Host: a", "B: b", "C: c"), limits: limits).result == .complete)
    let result = ReadHead("GET / HTTP/1.1\r\nHost: a\r\nB: b\r\nC: c\r\nD", limits: limits).result
    #expect(result == .rejected(.tooManyFields))
  }

  @Test func `The room for header lines is limited`() {
    let text = request("GET / HTTP/1.1", "Host: a", "B: b")
    #expect(ReadHead(text, room: 2).result == .complete)
    #expect(ReadHead(text, room: 1).result == .rejected(.tooManyFields))
    #expect(ReadHead(request("GET / HTTP/1.0"), room: 0).result == .complete)
  }
}
