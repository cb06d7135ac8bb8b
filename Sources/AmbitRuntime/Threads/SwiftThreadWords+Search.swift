internal import AmbitSystem
internal import CFiber
internal import CLinux

// Finds the thread-local words of the Swift runtime. Their places are private to the runtime and differ between its
// versions. So the host looks which words change while a value of a `@TaskLocal` variable is set, or a task runs, and
// then tries whether swapping these words hides the value or the task and brings it back.

extension SwiftThreadWords {
  /// The words of the runtime library in which `function` lies; none if they cannot be found. Starts two threads one
  /// after the other and waits for them, because the calling thread may run a task.
  static func found(in function: UnsafeMutableRawPointer?) -> SwiftThreadWords {
    let image = UInt(bitPattern: function)
    guard image != 0, let search = onNewThread({ WordSearch(in: image) }), let values = Self(at: search.ofValues),
      search.ofValues.count == 1
    else { return .none }
    // The place of the thread-local variables of a library that was loaded later differs from thread to thread.
    return onNewThread {
      guard WordSearch(in: image) == search, values.keepsValuesApart else { return .none }
      guard let all = Self(at: search.ofValues + search.ofTasks), all.keepsValuesApart, all.keepsTasksApart else {
        return values
      }
      return all
    } ?? .none
  }

  /// Whether a swap hides a value of a `@TaskLocal` variable, and brings it back.
  private var keepsValuesApart: Bool {
    var isRight = isClear
    probe.withValue(1) {
      let kept = take()
      isRight = isRight && probe.get() == 0
      probe.withValue(2) { isRight = isRight && probe.get() == 2 && values != kept }
      put(kept)
      isRight = isRight && probe.get() == 1
    }
    return isRight && isClear
  }

  /// Whether a swap hides the current task, and brings it back.
  private var keepsTasksApart: Bool {
    let isRight = inTask { [self] in
      let kept = take()
      let isHidden = withUnsafeCurrentTask { $0 == nil }
      put(kept)
      return isHidden && withUnsafeCurrentTask { $0 != nil }
    }
    return isRight && isClear
  }

  /// Whether the words are 0, as they are when nothing is set.
  private var isClear: Bool { values == (0, 0, 0) }
}

/// The words that change in the calling thread, by their distances from the thread pointer.
private struct WordSearch: Equatable {
  /// While a value of a `@TaskLocal` variable is set outside of a task.
  let ofValues: [Int]
  /// While a task runs.
  let ofTasks: [Int]

  /// Searches the thread-local variables of the library in which `address` lies.
  init(in address: UInt) {
    let block = clinux_thread_locals_around(address)
    let words = UnsafeBufferPointer<UInt>(
      start: UnsafePointer(bitPattern: block.start), count: Int(block.end &- block.start) / MemoryLayout<UInt>.size)
    let content = Unchecked(words)
    let before = Array(words)
    let withValue = probe.withValue(1) { Array(words) }
    let inTask = inTask { Array(content.value) }
    let after = Array(words)
    func changed(_ during: [UInt]) -> [Int] {
      words.indices.filter { before[$0] == 0 && during[$0] != 0 && after[$0] == 0 }
        .map { Int(bitPattern: block.start &+ UInt($0 * MemoryLayout<UInt>.size) &- cfiber_thread_pointer()) }
    }
    ofValues = changed(withValue)
    ofTasks = changed(inTask)
  }
}

private let probe = TaskLocal<Int>(wrappedValue: 0)

/// The result of `work`, which runs in a task on the calling thread before this returns.
private func inTask<Result: Sendable>(_ work: @escaping @Sendable () -> Result) -> Result {
  let latch = Latch<Result>()
  Task.immediate { latch.arrive(work()) }
  return latch.arrived[0]
}

/// The result of `work`, which runs on a new thread; nil if the system has no more threads.
private func onNewThread<Result: Sendable>(_ work: @escaping @Sendable () -> Result) -> Result? {
  let latch = Latch<Result>()
  guard let thread = try? SystemThread(for: "the Swift runtime's variables", { latch.arrive(work()) }) else {
    return nil
  }
  thread.join()
  return latch.arrived[0]
}
