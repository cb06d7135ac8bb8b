internal import AmbitCore
internal import CAmbit

/// A bounded queue of pointers between jobs. It lies in the memory of the scope that made it and lives until that
/// closes.
///
/// If there is neither a receiver nor room, the sender waits and keeps the message. The message is handed over in the
/// same step that wakes the sender or the receiver, and a wait ends only once: a cancel or timeout that comes later has
/// no effect, and one that came earlier has removed the job from the list. So no message is lost or delivered twice.
///
/// Receivers wait only while the queue is empty and no sender waits, senders only while it is full.
struct Channel {
  /// The structure to which the plugin holds a pointer. At offset 0, as the C declaration says.
  let handle: ambit_channel
  /// The scope that made it.
  let scope: ScopePointer
  var queue: MessageQueue
  /// Jobs that wait for room with a message, in order of arrival.
  var senders: Link
  /// Jobs that wait for a message, in order of arrival.
  var receivers: Link
  var isClosed = false
}

typealias ChannelPointer = UnsafeMutablePointer<Channel>

extension UnsafeMutablePointer<Channel> {
  @inline(__always) var sendersLink: LinkPointer { pointer(to: \.senders)! }
  @inline(__always) var receiversLink: LinkPointer { pointer(to: \.receivers)! }

  /// The pointer that plugins hold.
  var asHandle: UnsafeMutablePointer<ambit_channel> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: ambit_channel.self)
  }

  /// The channel behind the pointer a plugin passed.
  static func of(_ handle: UnsafeMutablePointer<ambit_channel>) -> ChannelPointer {
    UnsafeMutableRawPointer(handle).assumingMemoryBound(to: Channel.self)
  }

  /// Refuses messages from now on, also those of waiting senders. Queued messages can still be received.
  func close() {
    pointee.isClosed = true
    while let link = sendersLink.popFirst() { JobPointer.of(source: link).wake(.closed) }
    while let link = receiversLink.popFirst() { JobPointer.of(source: link).wake(.closed) }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// A channel with room for `capacity` messages, in the scope's memory; `.limit` as in `allocateWithinLimit`.
  func makeChannel(capacity: Int) -> (Status, ChannelPointer?) {
    let (size, overflow) = capacity.multipliedReportingOverflow(by: MemoryLayout<MessageQueue.Message>.stride)
    guard pointee.state != .closed else { return (.closed, nil) }
    guard size >= 0, !overflow, size <= Int.max - MemoryLayout<Channel>.stride else { return (.noMemory, nil) }
    let (status, memory) = allocateWithinLimit(MemoryLayout<Channel>.stride + size)
    guard let memory else { return (status, nil) }
    let channel = memory.bindMemory(to: Channel.self, capacity: 1)
    let slots = (memory + MemoryLayout<Channel>.stride).bindMemory(to: MessageQueue.Message.self, capacity: capacity)
    channel.initialize(
      to: Channel(
        handle: ambit_channel(api: pointee.loop.pointee.api), scope: self,
        queue: MessageQueue(slots: slots, capacity: capacity),
        senders: Link(alone: channel.sendersLink), receivers: Link(alone: channel.receiversLink)))
    return (.ok, channel)
  }
}

// Sending and receiving.

extension UnsafeMutablePointer<Job> {
  /// Puts `message` into `channel`, as the running job; waits while the channel is full.
  ///
  /// Returns `.closed` if the channel is closed before or during the wait, and `.invalid` if the channel belongs
  /// neither to `scope` nor to a scope above it.
  func send(
    _ message: MessageQueue.Message, through channel: ChannelPointer, in scope: ScopePointer, timeout: Int64
  ) -> Status {
    guard channel.pointee.scope.encloses(scope) else {
      return .invalid(because: "the channel belongs to another scope")
    }
    if isCancelled(in: scope) { return .cancelled }
    if channel.pointee.isClosed { return .closed }
    if channel.handToReceiver(message) || channel.pointee.queue.append(message) { return .ok }
    stackState.pointee.message = message
    return wait(for: .send, in: channel.sendersLink, of: channel.pointee.scope, scope: scope, timeout: timeout)
  }

  /// Takes the oldest message out of `channel` into the job's stackState, as the running job; waits while the channel
  /// is empty.
  ///
  /// Returns `.closed` if the channel is closed and empty, or is closed during the wait, and `.invalid` as `send` does.
  func receive(from channel: ChannelPointer, in scope: ScopePointer, timeout: Int64) -> Status {
    guard channel.pointee.scope.encloses(scope) else {
      return .invalid(because: "the channel belongs to another scope")
    }
    if isCancelled(in: scope) { return .cancelled }
    if channel.takeMessage(into: &stackState.pointee.message) { return .ok }
    if channel.pointee.isClosed { return .closed }
    return wait(for: .receive, in: channel.receiversLink, of: channel.pointee.scope, scope: scope, timeout: timeout)
  }
}

extension UnsafeMutablePointer<Channel> {
  /// Gives `message` to the receiver that has waited longest and wakes it; false if no receiver waits.
  fileprivate func handToReceiver(_ message: MessageQueue.Message) -> Bool {
    guard let link = receiversLink.popFirst() else { return false }
    let receiver = JobPointer.of(source: link)
    receiver.stackState.pointee.message = message
    receiver.wake(.ok)
    return true
  }

  /// Takes the oldest message, and lets the sender that has waited longest put its message into the free place; false
  /// if there is no message.
  fileprivate func takeMessage(into message: inout MessageQueue.Message) -> Bool {
    let sender = sendersLink.popFirst().map { JobPointer.of(source: $0) }
    if pointee.queue.popFirst(into: &message) {
      if let sender { _ = pointee.queue.append(sender.stackState.pointee.message) }
    } else {
      guard let sender else { return false }
      message = sender.stackState.pointee.message
    }
    sender?.wake(.ok)
    return true
  }
}

/// A first-in-first-out queue of pointers with a fixed capacity, in memory that its owner provides.
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

  /// Appends a message; false if the queue is full.
  mutating func append(_ message: Message) -> Bool {
    guard count < capacity else { return false }
    let untilEnd = capacity - first
    slots[count < untilEnd ? first + count : count - untilEnd] = message
    count += 1
    return true
  }

  /// Takes the oldest message into `message`; false if the queue is empty.
  mutating func popFirst(into message: inout Message) -> Bool {
    guard count > 0 else { return false }
    message = slots[first]
    first = first + 1 == capacity ? 0 : first + 1
    count -= 1
    return true
  }
}
