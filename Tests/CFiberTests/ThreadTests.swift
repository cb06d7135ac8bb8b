import CFiber
import Foundation
import Testing

/// Runs `body` on a thread of its own and returns what it returned.
private func onNewThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
  await withCheckedContinuation { continuation in
    Thread { continuation.resume(returning: body()) }.start()
  }
}

/// The calling thread's signal stack, nil if it has none.
private func signalStackSize() -> Int? {
  var current = stack_t()
  sigaltstack(nil, &current)
  return Int(current.ss_flags) & Int(SS_DISABLE) != 0 ? nil : current.ss_size
}

@Suite struct `A thread` {
  @Test func `A thread has no loop until one is set`() async {
    #expect(await onNewThread { cfiber_loop() == nil })
  }

  @Test func `A thread finds the loop that was set on it, and another thread does not`() async {
    let found = await onNewThread {
      let loop = UnsafeMutableRawPointer(bitPattern: 0x1000)
      cfiber_set_loop(loop)
      return cfiber_loop() == loop
    }
    #expect(found)
    #expect(await onNewThread { cfiber_loop() == nil })
  }

  @Test func `A thread gets a signal stack with room for a report, once, and gives it back`() async throws {
    let sizes = await onNewThread {
      var sizes: [Int?] = []
      cfiber_remove_signal_stack()
      guard signalStackSize() == nil else { return sizes }  // a sanitizer gave it one before
      for _ in 0..<2 {
        cfiber_install_signal_stack()
        sizes.append(signalStackSize())
      }
      cfiber_remove_signal_stack()
      return sizes + [signalStackSize()]
    }
    if sizes.isEmpty { return }
    let size = try #require(sizes[0])
    #expect(size >= 64 * 1024)
    #expect(sizes == [size, size, nil])
  }
}
