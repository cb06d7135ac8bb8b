import Glibc
import Testing

@testable import AmbitSystem

@Suite struct `A connection for messages` {
  @Test func `A connection carries messages in both directions, in order`() throws {
    let (one, other) = try connections()
    one.send([1, 2, 3])
    one.send([])
    other.send([4])
    #expect(other.receive()?.message == [1, 2, 3])
    #expect(other.receive()?.message == [])
    #expect(one.receive()?.message == [4])
  }

  @Test func `A connection carries a message that is larger than the socket's buffer`() throws {
    let (one, other) = try connections()
    let message = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0) }
    try SystemThread(for: "a test") { one.send(message) }.detach()
    #expect(other.receive()?.message == message)
  }

  @Test func `A connection keeps the messages of several threads apart`() throws {
    let (one, other) = try connections()
    for thread in 0..<UInt8(4) {
      try SystemThread(for: "a test") { for _ in 0..<100 { one.send([UInt8](repeating: thread, count: 10_000)) } }
        .detach()
    }
    for _ in 0..<400 {
      let message = try #require(other.receive()).message
      #expect(message.count == 10_000 && Set(message).count == 1)
    }
  }

  @Test func `A connection tells that it is closed before what was sent is received`() throws {
    let (one, other) = try connections()
    #expect(!one.isClosed && !other.isClosed)
    other.send([1])
    other.close()
    #expect(one.isClosed && other.isClosed)
    #expect(one.receive()?.message == [1])
  }

  @Test func `A connection receives nothing more when the peer has closed it`() throws {
    let ends = try sockets()
    let connection = MessageConnection(inherited: ends.0, limit: 100)
    // Half a length.
    #expect(write(ends.1, [1, 0, 0, 0], 4) == 4)
    close(ends.1)
    #expect(connection.receive() == nil)
  }

  @Test func `A receive that waits returns nil when its own process or the peer closes`() throws {
    for closesOther in [false, true] {
      let (one, other) = try connections()
      other.send([1])
      #expect(one.receive()?.message == [1])
      // The thread below closes while this one waits, mostly.
      try SystemThread(for: "a test") { (closesOther ? other : one).close() }.detach()
      #expect(one.receive() == nil)
      #expect(!one.send([2]) && !other.send([2]))
    }
  }

  @Test func `A send that waits for room returns false when the connection is closed`() throws {
    let ends = try sockets()
    let connection = MessageConnection(inherited: ends.0, limit: 100)
    let result = Latch<Bool>()
    try SystemThread(for: "a test") { result.arrive(connection.send([UInt8](repeating: 0, count: 16 << 20))) }.detach()
    // The first bytes have come, and there is no room for all.
    var byte: UInt8 = 0
    #expect(recv(ends.1, &byte, 1, Int32(MSG_PEEK)) == 1)
    connection.close()
    #expect(result.wait() == [false])
    close(ends.1)
  }

  @Test func `A send gives up if a peer takes nothing, and leaves whole messages only`() throws {
    let (one, other) = try connections()
    var sent = 0
    while one.send([UInt8(sent % 251)], within: 1_000_000) { sent += 1 }
    #expect(sent > 100)
    for number in 0..<sent { #expect(other.receive()?.message == [UInt8(number % 251)]) }
    #expect(one.send([7], within: 0))
    #expect(other.receive()?.message == [7])
  }

  @Test func `A connection is closed if its peer takes only a part of a message in time`() throws {
    let (one, other) = try connections()
    #expect(!one.send([UInt8](repeating: 0, count: 16 << 20), within: 1_000_000))
    #expect(other.receive() == nil)
    #expect(!one.send([1]))
  }

  @Test func `A message beyond the limit ends the connection for its receiver, and one at the limit is received`()
    throws
  {
    let (one, other) = try connections(limit: 100)
    one.send([UInt8](repeating: 1, count: 100))
    one.send([UInt8](repeating: 1, count: 101))
    #expect(other.receive()?.message.count == 100)
    #expect(other.receive() == nil)
  }

  @Test func `The owner's end is made blocking`() throws {
    let pair = try DescriptorPair(socketsFor: "a test")
    let descriptor = pair.takeOurs()
    #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
    let connection = MessageConnection(owned: descriptor, limit: 100)
    #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK == 0)
    _ = connection
  }

  private func sockets() throws -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    return (ends[0], ends[1])
  }
}
