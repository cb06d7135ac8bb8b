internal import AmbitSystem
internal import CFiber

/// Stacks for the few jobs and handlers that ask for more than `stack_size` or `handler_stack_size`: a pool for each power
/// of two, made when one first asks for as much.
///
/// What such a job has touched goes back to the system as soon as it has ended. Its address space stays for some seconds.
struct LargeStacks {
  /// The most that a job may ask for, `StackSize.largest`, is two to the power of this many bytes.
  private static var largestExponent: Int { StackSize.largest.trailingZeroBitCount }

  /// By exponent; nil until the first job asks. Owned.
  private var pools: UnsafeMutablePointer<cfiber_stack_pool>?

  /// The pool of stacks that have at least `size` bytes, 4096 to `StackSize.largest`.
  mutating func pool(for size: Int) -> UnsafeMutablePointer<cfiber_stack_pool> {
    let exponent = Int.bitWidth - (size - 1).leadingZeroBitCount
    let pools = pools ?? makePools()
    // Fails only for sizes out of range.
    if pools[exponent].stack_size == 0 { cfiber_stack_pool_init(pools + exponent, 1 << exponent) }
    return pools + exponent
  }

  private mutating func makePools() -> UnsafeMutablePointer<cfiber_stack_pool> {
    let made = UnsafeMutablePointer<cfiber_stack_pool>.allocate(capacity: Self.largestExponent + 1)
    made.initialize(repeating: cfiber_stack_pool(), count: Self.largestExponent + 1)
    pools = made
    return made
  }

  /// Calls `body` with each pool that has been made.
  func forEachPool(_ body: (UnsafeMutablePointer<cfiber_stack_pool>) -> Void) {
    guard let pools else { return }
    for exponent in 0...Self.largestExponent where pools[exponent].stack_size > 0 { body(pools + exponent) }
  }

  /// How many are handed out and not yet back.
  var liveCount: Int {
    guard let pools else { return 0 }
    return (0...Self.largestExponent).reduce(0) { $0 + cfiber_stack_pool_live(pools + $1) }
  }
}
