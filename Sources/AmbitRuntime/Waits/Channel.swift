internal import AmbitCore
internal import CAmbit

/// A bounded queue of pointers between jobs, in the memory of the scope that made it: it is gone when that closes.
///
/// A message that finds neither a receiver nor room stays with its sender, who waits. It changes hands in one step with
/// the wake of that sender, or of a receiver that waits, and a wait ends once: who is cancelled or times out later has
/// what the wait came to, who was earlier is in no list any more. So no message is lost and none is delivered twice.
///
/// Receivers wait only while the queue is empty and no sender waits, senders only while it is full.
struct Channel {
  /// What the plugin holds a pointer to: at offset 0, as the C declaration says.
  let handle: ambit_channel
  /// The scope that made it.
  let scope: ScopePointer
  var queue: MessageQueue
  /// Jobs that wait with a message for room, in the order in which they came.
  var senders: Link
  /// Jobs that wait for a message, in the order in which they came.
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

  /// Refuses messages from now on, those of senders that wait too; what is queued can still be received.
  func close() {
    pointee.isClosed = true
    while let link = sendersLink.popFirst() { JobPointer.of(source: link).wake(.closed) }
    while let link = receiversLink.popFirst() { JobPointer.of(source: link).wake(.closed) }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// A channel with room for `capacity` messages, in the scope's memory; nil if there is none.
  func makeChannel(capacity: Int) -> ChannelPointer? {
    let (size, overflow) = capacity.multipliedReportingOverflow(by: MemoryLayout<MessageQueue.Message>.stride)
    guard pointee.state != .closed, size >= 0, !overflow, size <= Int.max - MemoryLayout<Channel>.stride,
      let memory = allocate(MemoryLayout<Channel>.stride + size)
    else { return nil }
    let channel = memory.bindMemory(to: Channel.self, capacity: 1)
    let slots = (memory + MemoryLayout<Channel>.stride).bindMemory(to: MessageQueue.Message.self, capacity: capacity)
    channel.initialize(
      to: Channel(
        handle: ambit_channel(api: pointee.loop.pointee.api), scope: self,
        queue: MessageQueue(slots: slots, capacity: capacity),
        senders: Link(alone: channel.sendersLink), receivers: Link(alone: channel.receiversLink)))
    return channel
  }
}
