import AmbitSystem
import Testing

@testable import AmbitRuntime

@Suite struct `The Swift runtime of the host` {
  private enum Value { @TaskLocal static var number = 0 }

  @Test func `The host finds the thread-local words of the values, the task and its executor`() throws {
    let runtime = try #require(SwiftRuntime.shared)
    #expect(runtime.hasTaskLocals && runtime.words.count == 3)
  }

  @Test func `A thread without its state has no values until it gets the state back`() throws {
    #expect(
      try onThread {
        Value.$number.withValue(1) {
          var state = SwiftThreadState()
          state.take(isChecked: false)
          let without = Value.number
          let other = Value.$number.withValue(2) { Value.number }
          state.putBack(isChecked: false)
          return [without, other, Value.number]
        } + [Value.number]
      } == [0, 2, 1, 0])
  }

  @Test func `A thread without its state has no task until it gets the state back`() throws {
    let latch = Latch<[Bool]>()
    #expect(
      try onThread {
        Task.immediate {
          var state = SwiftThreadState()
          state.take(isChecked: false)
          let hasTask = withUnsafeCurrentTask { $0 != nil }
          state.putBack(isChecked: false)
          latch.arrive([hasTask, withUnsafeCurrentTask { $0 != nil }])
        }
        return latch.arrived[0] + [withUnsafeCurrentTask { $0 != nil }]
      } == [false, true, false])
  }

  @Test func `A job on a thread begins without the values that other code has left there`() throws {
    #expect(
      try onThread {
        Value.$number.withValue(1) {
          var state = SwiftThreadState()
          state.take(isChecked: false)
          state.putBack(isChecked: false)
          SwiftThreadState.clear()
          let number = Value.number
          state.putBack(isChecked: false)
          return number
        }
      } == 0)
  }

  /// The result of `work` on a thread that runs no task, as the tests do.
  private func onThread<Result: Sendable>(_ work: @escaping @Sendable () -> Result) throws -> Result {
    let latch = Latch<Result>()
    try SystemThread(for: "a test") { latch.arrive(work()) }.join()
    return latch.arrived[0]
  }
}
