import Glibc
import Testing

@testable import AmbitSystem

@Suite struct `Counters of several processes` {
  @Test func `Each process sees the connections of all that accept`() throws {
    let own = SharedCounters(slots: 3)
    let first = try #require(own.takeSlot())
    let second = try #require(own.takeSlot())
    let memory = try #require(own.passedDescriptor)
    let other = try #require(SharedCounters(received: dup(memory), slots: 3))
    own.setLoops(1, in: first)
    other.setLoops(2, in: second)
    for _ in 0..<4 { own.connectionOpened(in: first) }
    for _ in 0..<6 { other.connectionOpened(in: second) }
    other.connectionClosed(in: second)
    #expect([own.average, other.average] == [3, 3])
    #expect([own.acceptedCount, other.acceptedCount] == [10, 10])

    other.setLoops(0, in: second)
    #expect(own.average == 4, "a process that accepts no more does not count")
    own.releaseSlot(first)
    #expect([own.average, own.acceptedCount] == [0, 6])
    #expect(own.takeSlot() == first)
  }

  @Test func `There are as many slots as were made`() throws {
    let counters = SharedCounters(slots: 2)
    #expect([counters.takeSlot(), counters.takeSlot(), counters.takeSlot()] == [0, 1, nil])
  }

  @Test func `Memory of another size, or a file that cannot be mapped, is no counters`() throws {
    let own = SharedCounters(slots: 2)
    let descriptor = try #require(own.passedDescriptor)
    #expect(SharedCounters(received: dup(descriptor), slots: 3) == nil)
    #expect(SharedCounters(received: open("/", O_RDONLY | O_CLOEXEC), slots: 1) == nil)
    #expect(ftruncate(descriptor, 0) != 0, "code of a plugin cannot take the memory away")
  }
}
