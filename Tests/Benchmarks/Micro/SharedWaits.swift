import AmbitRuntime
import CAmbit

/// What it costs that jobs wait for each other: two of them, of which one is this.
struct SharedWaits {
  private static let count = 200_000
  private let scope: ScopeHandle

  init(in scope: ScopePointer) { self.scope = scope.asHandle }

  func measure() {
    measureChannel()
    measureRoundTrip()
    measureEvent()
  }

  private func measureChannel() {
    let child = scope.openChild()
    let channel = ambit_channel_new(child, 1)
    measureFigure("channel: send, receive, nobody waits", operations: Self.count) {
      processorTime {
        for _ in 0..<Self.count {
          var message: UnsafeMutableRawPointer?
          require(ambit_send(child, channel, nil, -1))
          require(ambit_receive(child, channel, &message, -1))
        }
      }
    }
    child.close()
  }

  private func measureRoundTrip() {
    let child = scope.openChild()
    var echo = Echo(requests: ambit_channel_new(child, 0), answers: ambit_channel_new(child, 0))
    withUnsafeMutablePointer(to: &echo) { echo in
      child.spawn(answerAll, echo)
      measureFigure("channel: ping to another job and back", operations: Self.count) {
        processorTime {
          for _ in 0..<Self.count {
            var message: UnsafeMutableRawPointer?
            require(ambit_send(child, echo.pointee.requests, nil, -1))
            require(ambit_receive(child, echo.pointee.answers, &message, -1))
          }
        }
      }
      child.close()
    }
  }

  private func measureEvent() {
    let child = scope.openChild()
    let event = ambit_event_new(child)
    child.spawn(waitRepeatedly, UnsafeMutableRawPointer(event))
    require(ambit_yield(scope))
    measureFigure("event: set, a job wakes and waits again", operations: Self.count) {
      processorTime {
        for _ in 0..<Self.count {
          require(ambit_event_set(event))
          require(ambit_yield(scope))
        }
      }
    }
    child.close()
  }
}

private struct Echo {
  let requests: UnsafeMutablePointer<ambit_channel>
  let answers: UnsafeMutablePointer<ambit_channel>
}

/// Sends back what it receives, until its scope ends.
private func answerAll(_ scope: ScopeHandle?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
  let echo = argument!.load(as: Echo.self)
  var message: UnsafeMutableRawPointer?
  while ambit_receive(scope, echo.requests, &message, -1) == AMBIT_OK {
    guard ambit_send(scope, echo.answers, message, -1) == AMBIT_OK else { break }
  }
  return AMBIT_CANCELLED
}

/// Waits for an event and resets it, until its scope ends.
private func waitRepeatedly(_ scope: ScopeHandle?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
  let event = argument!.assumingMemoryBound(to: ambit_event.self)
  while ambit_event_wait(scope, event, -1) == AMBIT_OK { require(ambit_event_reset(event)) }
  return AMBIT_CANCELLED
}
