internal import CFiber

/// What the Swift runtime keeps for the thread on behalf of the job that runs there, while the job has left the thread.
/// It lies on the job's stack.
struct SwiftThreadState {
  private var words: (UInt, UInt, UInt) = (0, 0, 0)
  private var accesses: (UInt, UInt) = (0, 0)

  init() {}

  /// Takes the state from the calling thread, which has none then.
  /// - Parameter isChecked: whether the runtime checks accesses.
  @inline(__always)
  mutating func take(isChecked: Bool) {
    guard let runtime = SwiftRuntime.shared else { return }
    words = runtime.words.take()
    if isChecked { withUnsafeMutableBytes(of: &accesses) { runtime.takeAccesses($0.baseAddress!) } }
  }

  /// Gives the state back to the same thread, which has none.
  @inline(__always)
  mutating func putBack(isChecked: Bool) {
    guard let runtime = SwiftRuntime.shared else { return }
    runtime.words.put(words)
    if isChecked { withUnsafeMutableBytes(of: &accesses) { runtime.putAccessesBack($0.baseAddress!) } }
  }

  /// Clears what code that ran on the calling thread before has left behind, so that a job begins without values.
  static func clear() { _ = SwiftRuntime.shared?.words.take() }
}

/// Thread-local words of the Swift runtime that belong to the code which runs on the thread: at most three, which is
/// how many Swift 6.3 has.
struct SwiftThreadWords {
  /// Their distances from the thread pointer, of which the first `count` count. The others are those of the first word.
  private let distances: (Int, Int, Int)
  let count: Int

  /// None.
  static var none: SwiftThreadWords { SwiftThreadWords(at: [])! }

  /// Nil if there are too many.
  init?(at distances: [Int]) {
    guard distances.count <= 3 else { return nil }
    func distance(_ index: Int) -> Int { index < distances.count ? distances[index] : distances.first ?? 0 }
    self.distances = (distance(0), distance(1), distance(2))
    count = distances.count
  }

  /// The value of a word of the calling thread.
  @inline(__always)
  static func word(at distance: Int) -> UnsafeMutablePointer<UInt> {
    UnsafeMutablePointer(bitPattern: cfiber_thread_pointer() &+ UInt(bitPattern: distance)).unsafelyUnwrapped
  }

  /// The words of the calling thread.
  @inline(__always)
  var values: (UInt, UInt, UInt) {
    (Self.word(at: distances.0).pointee, Self.word(at: distances.1).pointee, Self.word(at: distances.2).pointee)
  }

  /// Reads the words of the calling thread and sets them to 0.
  @inline(__always)
  func take() -> (UInt, UInt, UInt) {
    guard count > 0 else { return (0, 0, 0) }
    let values = values
    put((0, 0, 0))
    return values
  }

  /// Sets the words of the calling thread.
  @inline(__always)
  func put(_ values: (UInt, UInt, UInt)) {
    guard count > 0 else { return }
    // The first comes last, since the places of missing words are its place.
    Self.word(at: distances.2).pointee = values.2
    Self.word(at: distances.1).pointee = values.1
    Self.word(at: distances.0).pointee = values.0
  }
}
