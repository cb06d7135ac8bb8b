internal import AmbitCore

// Messages on their way from job to job.

extension UnsafeMutablePointer<Job> {
  /// Puts `message` into `channel`, as the running job; waits while it is full.
  ///
  /// `.closed` if the channel is, or is closed meanwhile; `.invalid` if it belongs to neither `scope` nor one above it.
  func send(
    _ message: MessageQueue.Message, through channel: ChannelPointer, in scope: ScopePointer, timeout: Int64
  ) -> Status {
    guard channel.pointee.scope.encloses(scope) else { return .invalid }
    if isCancelled(in: scope) { return .cancelled }
    if channel.pointee.isClosed { return .closed }
    if channel.handToReceiver(message) || channel.pointee.queue.append(message) { return .ok }
    stackState.pointee.message = message
    return wait(for: .send, in: channel.sendersLink, of: channel.pointee.scope, scope: scope, timeout: timeout)
  }

  /// Takes the oldest message out of `channel` into the job's stackState, as the running job; waits while there is none.
  ///
  /// `.closed` if the channel is and nothing is left, or is closed meanwhile; `.invalid` as for `send`.
  func receive(from channel: ChannelPointer, in scope: ScopePointer, timeout: Int64) -> Status {
    guard channel.pointee.scope.encloses(scope) else { return .invalid }
    if isCancelled(in: scope) { return .cancelled }
    if channel.takeMessage(into: &stackState.pointee.message) { return .ok }
    if channel.pointee.isClosed { return .closed }
    return wait(for: .receive, in: channel.receiversLink, of: channel.pointee.scope, scope: scope, timeout: timeout)
  }
}

extension UnsafeMutablePointer<Channel> {
  /// Gives `message` to the receiver that has waited longest and wakes it; false if none waits.
  fileprivate func handToReceiver(_ message: MessageQueue.Message) -> Bool {
    guard let link = receiversLink.popFirst() else { return false }
    let receiver = JobPointer.of(source: link)
    receiver.stackState.pointee.message = message
    receiver.wake(.ok)
    return true
  }

  /// Takes the oldest message, and lets the sender that has waited longest put its own into the room; false if there is
  /// no message.
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
