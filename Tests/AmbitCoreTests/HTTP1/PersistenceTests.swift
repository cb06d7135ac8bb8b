import AmbitCore
import Testing

@Suite("Connection and Expect")
struct PersistenceTests {
  @Test(
    arguments: [
      ("HTTP/1.1", [], true),
      ("HTTP/1.1", ["Connection: close"], false),
      ("HTTP/1.1", ["connection: CLOSE"], false),
      ("HTTP/1.1", ["Connection: keep-alive"], true),
      ("HTTP/1.1", ["Connection: upgrade ,\tclose, x"], false),
      ("HTTP/1.1", ["Connection: x", "Connection: close"], false),
      ("HTTP/1.1", ["Connection: keep-alive, close"], false),
      ("HTTP/1.1", ["Connection: closed, enclose, clos e"], true),
      ("HTTP/1.1", ["Connection:"], true),
      ("HTTP/1.1", ["Connections: close", "Connectio: close"], true),
      ("HTTP/1.0", [], false),
      ("HTTP/1.0", ["Connection: Keep-Alive"], true),
      ("HTTP/1.0", ["Connection: keep-alive, close"], false),
      ("HTTP/1.0", ["Connection: close", "Connection: keep-alive"], false),
    ] as [(String, [String], Bool)])
  func `The head decides whether the connection is kept`(version: String, lines: [String], keepsAlive: Bool) {
    let read = ReadHead(request(["GET / \(version)", "Host: a"] + lines))
    #expect(read.result == .complete)
    #expect(read.http1.keepsAlive == keepsAlive)
  }

  @Test(arguments: [
    ("HTTP/1.1", "Expect: 100-continue", true),
    ("HTTP/1.1", "expect: 100-Continue", true),
    ("HTTP/1.0", "Expect: 100-continue", false),
    ("HTTP/1.0", "Expect: a miracle", false),
    ("HTTP/1.1", "Expec: a miracle", false),
  ])
  func `The head decides whether the client waits`(version: String, line: String, expects: Bool) {
    let read = ReadHead(request("POST / \(version)", "Host: a", line, "Content-Length: 1"))
    #expect(read.result == .complete)
    #expect(read.head.expectsContinue == expects)
  }

  @Test(arguments: ["", "a miracle", "100-continue, x", "100", "100-continued"])
  func `A head with an unknown expectation is rejected`(value: String) {
    let head = request("POST / HTTP/1.1", "Host: a", "Expect: \(value)")
    #expect(ReadHead(head).result == .rejected(.unknownExpectation))
  }
}
