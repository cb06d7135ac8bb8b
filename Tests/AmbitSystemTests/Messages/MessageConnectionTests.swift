import Glibc
import Testing

@testable import AmbitSystem

@Suite struct `A connection for messages` {
  @Test func `A connection carries messages in both directions, in order`() throws {
    let (one, other) = try connections()
    one.send([1, 2, 3])
    one.send([])
    other.send([4])
    #expect(other.receive() == [1, 2, 3])
    #expect(other.receive() == [])
    #expect(one.receive() == [4])
  }

  @Test func `A connection carries a message that is larger than the socket's buffer`() throws {
    let (one, other) = try connections()
    let message = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0) }
    try SystemThread(for: "a test") { one.send(message) }.detach()
    #expect(other.receive() == message)
  }

  @Test func `A connection keeps the messages of several threads apart`() throws {
    let (one, other) = try connections()
    for thread in 0..<UInt8(4) {
      try SystemThread(for: "a test") { for _ in 0..<100 { one.send([UInt8](repeating: thread, count: 10_000)) } }
        .detach()
    }
    for _ in 0..<400 {
      let message = try #require(other.receive())
      #expect(message.count == 10_000 && Set(message).count == 1)
    }
  }

  @Test func `A connection receives nothing more when the peer has closed it`() throws {
    let ends = try sockets()
    let connection = MessageConnection(inherited: ends.0)
    // Half a length.
    #expect(write(ends.1, [1, 0, 0, 0], 4) == 4)
    close(ends.1)
    #expect(connection.receive() == nil)
  }

  private func connections() throws -> (MessageConnection, MessageConnection) {
    let ends = try sockets()
    return (MessageConnection(inherited: ends.0), MessageConnection(inherited: ends.1))
  }

  private func sockets() throws -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    return (ends[0], ends[1])
  }
}
