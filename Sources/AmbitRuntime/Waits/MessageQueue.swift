/// A first-in-first-out queue of pointers with room for a fixed number, in memory that its owner provides.
struct MessageQueue {
  typealias Message = UnsafeMutableRawPointer?

  private let slots: UnsafeMutablePointer<Message>
  private let capacity: Int
  private var first = 0
  private var count = 0

  /// An empty queue with room for `capacity` messages at `slots`.
  init(slots: UnsafeMutablePointer<Message>, capacity: Int) {
    self.slots = slots
    self.capacity = capacity
  }

  /// Adds a message behind all others; false if there is no room.
  mutating func append(_ message: Message) -> Bool {
    guard count < capacity else { return false }
    let untilEnd = capacity - first
    slots[count < untilEnd ? first + count : count - untilEnd] = message
    count += 1
    return true
  }

  /// Takes the oldest message into `message`; false if there is none.
  mutating func popFirst(into message: inout Message) -> Bool {
    guard count > 0 else { return false }
    message = slots[first]
    first = first + 1 == capacity ? 0 : first + 1
    count -= 1
    return true
  }
}
