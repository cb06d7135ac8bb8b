import CAmbit
import Foundation

/// What handlers and jobs of one server have to tell their test, line by line.
final class Journal: @unchecked Sendable {
  private let changed = NSCondition()
  private var written: [String] = []

  /// The lines so far, in order.
  var lines: [String] {
    changed.withLock { written }
  }

  func note(_ line: String) {
    changed.withLock {
      written.append(line)
      changed.broadcast()
    }
  }

  /// Waits until `line` has been written `times` times; false if it has not after a minute.
  func waits(for line: String, times: Int = 1) -> Bool {
    let limit = Date(timeIntervalSinceNow: 60)
    changed.lock()
    defer { changed.unlock() }
    while written.count(where: { $0 == line }) < times {
      if !changed.wait(until: limit) { return false }
    }
    return true
  }
}

extension UnsafeMutablePointer<ambit_scope>? {
  /// The journal of the server that the scope belongs to.
  var journal: Journal {
    Unmanaged<Journal>.fromOpaque(ambit_state(self)!).takeUnretainedValue()
  }

  func note(_ line: String) { journal.note(line) }
}
