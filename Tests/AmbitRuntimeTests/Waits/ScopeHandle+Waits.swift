import AmbitCore
import CAmbit

@testable import AmbitRuntime

typealias EventHandle = UnsafeMutablePointer<ambit_event>
typealias ChannelHandle = UnsafeMutablePointer<ambit_channel>

extension EventHandle {
  @discardableResult
  func set() -> Status { Status(rawValue: ambit_event_set(self)) }

  @discardableResult
  func reset() -> Status { Status(rawValue: ambit_event_reset(self)) }
}

extension ChannelHandle {
  @discardableResult
  func close() -> Status { Status(rawValue: ambit_channel_close(self)) }
}

extension ScopeHandle {
  func wait(for event: EventHandle?, timeout: Int64 = -1) -> Status {
    Status(rawValue: ambit_event_wait(self, event, timeout))
  }

  /// Sends a number above 0.
  func send(_ number: Int, through channel: ChannelHandle?, timeout: Int64 = -1) -> Status {
    Status(rawValue: ambit_send(self, channel, UnsafeMutableRawPointer(bitPattern: number), timeout))
  }

  /// Receives a number; 0 if the call left nothing.
  func receive(from channel: ChannelHandle?, timeout: Int64 = -1) -> (status: Status, number: Int) {
    var message = UnsafeMutableRawPointer(bitPattern: -1)
    let status = ambit_receive(self, channel, &message, timeout)
    return (Status(rawValue: status), Int(bitPattern: message))
  }

  /// Waits for a descriptor; tells the status and what `ready` was set to.
  func wait(for descriptor: Int32, _ events: UInt32, timeout: Int64 = -1) -> String {
    var ready = UInt32.max
    let status = ambit_wait_fd(self, descriptor, events, timeout, &ready)
    return "\(Status(rawValue: status)) \(ready)"
  }
}

extension ScopePointer {
  /// Ends the scope once all jobs that it has now, or gets from them, have ended.
  func endAfterJobs() {
    asHandle.spawn(ended: { _, _ in }) { scope in
      _ = scope.joinAll()
      scope.cancel()
      return .ok
    }
  }
}
