internal import CLinux

// Memory that a burst leaves behind outside of the loop's own pools: large blocks, which the loop unmaps itself, and what
// the C library has got back. That keeps it, since something in use lies behind it in its heap, until it is told to look
// through all of its heaps: malloc_trim(3). The watchdog has it do so, for it takes milliseconds per 10 MB, once the burst is
// over: much less is freed in a second than was before. Under a steady load that never is so, and nothing is given back that
// would be needed again at once.

/// What is known of memory that was given to the C library.
struct FreedMemory {
  /// Counts what was freed.
  var count = 0
  /// The count when it was last looked at.
  private var countSeen = 0
  /// The most that was freed from one look to the next since the C library was told.
  private var peak = 0
  /// The C library has had something since it was told.
  var isPending = false
  /// When it may be told again: monotonic nanoseconds.
  private var earliest: Int64 = 0

  /// Whether the C library is to be told now. To be asked at regular times.
  mutating func isTrimDue(at now: Int64) -> Bool {
    guard isPending else { return false }
    let freed = count &- countSeen
    countSeen = count
    peak = max(peak, freed)
    guard freed <= peak / 8, now >= earliest else { return false }
    isPending = false
    peak = 0
    earliest = now + 5_000_000_000
    return true
  }
}

extension Loop {
  /// Nanoseconds from one look at freed memory to the next.
  fileprivate static var freedPeriod: Int64 { 1_000_000_000 }
  /// Bytes of large blocks that are unmapped in one turn, in a millisecond or two, and nanoseconds to the next.
  fileprivate static var blockSlice: Int { 16 << 20 }
  fileprivate static var blockPause: Int64 { 2_000_000 }
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) var freedTimer: TimerPointer { pointer(to: \.freedTimer)! }

  /// Something of a kilobyte or more has gone back to the C library. On the loop; costs a few instructions.
  @inline(__always)
  public func noteFreedMemory() {
    pointee.freed.count &+= 1
    if !pointee.freed.isPending { expectFreedMemory() }
  }

  @inline(never)
  private func expectFreedMemory() {
    pointee.freed.isPending = true
    if !freedTimer.isArmed { arm(freedTimer, at: pointee.now &+ Loop.freedPeriod) }
  }

  /// A block of at least `size` bytes for which `BlockPool.serves` holds; nil if there is no memory.
  func takeBlock(_ size: Int) -> (memory: UnsafeMutableRawPointer, isZeroed: Bool)? { pointee.blocks.take(size) }

  /// Takes back a block that was taken for `size`.
  func giveBack(block: UnsafeMutableRawPointer, size: Int) {
    pointee.blocks.give(back: block, size: size)
    if !freedTimer.isArmed { arm(freedTimer, at: pointee.now &+ Loop.freedPeriod) }
  }

  /// Memory of at least `size` bytes, aligned to 16, for `deallocate`. Ends the process if there is none.
  public func allocateMemory(_ size: Int) -> UnsafeMutableRawBufferPointer {
    guard BlockPool.serves(size) else { return .allocate(byteCount: size, alignment: 16) }
    guard let block = takeBlock(size) else { fatalError("out of memory: \(size) bytes") }
    return UnsafeMutableRawBufferPointer(start: block.memory, count: BlockPool.capacity(for: size))
  }

  public func deallocate(_ memory: UnsafeMutableRawBufferPointer) {
    if BlockPool.serves(memory.count) {
      giveBack(block: memory.baseAddress!, size: memory.count)
    } else {
      memory.deallocate()
      noteFreedMemory()
    }
  }

  fileprivate func lookAtFreedMemory() {
    if !pointee.blocks.hasIdle { pointee.blocks.noteIdle() }
    pointee.blocks.unmapIdle(most: Loop.blockSlice)
    guard !pointee.blocks.hasIdle else { return arm(freedTimer, at: pointee.now &+ Loop.blockPause) }
    if pointee.freed.isTrimDue(at: pointee.now) { haveMemoryTrimmed() }
    if pointee.freed.isPending || pointee.blocks.hasFree { arm(freedTimer, at: pointee.now &+ Loop.freedPeriod) }
  }

  private func haveMemoryTrimmed() {
    guard let watchdog = pointee.watchdog else { return clinux_give_back_freed_memory() }
    watchdog._withUnsafeGuaranteedRef { $0.giveBackFreedMemory() }
  }
}

let freedMemoryDue: TimerFunction = { timer in
  timer.assumingMemoryBound(to: Timer.self).record(Loop.self, at: MemoryLayout<Loop>.offset(of: \.freedTimer)!)
    .lookAtFreedMemory()
}
