internal import CLinux

// Memory that a burst leaves behind outside of the loop's pools: large blocks, which the loop unmaps itself, and memory
// that was freed to the C library. The C library keeps it in its heaps, in front of memory in use, until malloc_trim(3)
// is called. The watchdog calls it, since it takes milliseconds per 10 MB, when the burst is over: when much less is
// freed in a second than before. Under a steady load that does not happen, so no memory goes back that would be needed
// again at once.

/// Decides when the C library is to give freed memory back to the system.
struct FreedMemory {
  /// How often memory was freed.
  var count = 0
  /// `count` at the last check.
  private var countSeen = 0
  /// The most that was freed between two checks since the last trim.
  private var peak = 0
  /// Memory has been freed since the last trim.
  var isPending = false
  /// When the next trim may come: monotonic nanoseconds.
  private var earliest: Int64 = 0

  /// Whether to trim now. To be called at regular intervals.
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
  /// Nanoseconds between two checks of freed memory.
  fileprivate static var freedPeriod: Int64 { 1_000_000_000 }
  /// How many bytes of large blocks are unmapped in one turn, in a millisecond or two.
  fileprivate static var blockSlice: Int { 16 << 20 }
  /// Nanoseconds from one such turn to the next.
  fileprivate static var blockPause: Int64 { 2_000_000 }
}

extension UnsafeMutablePointer<Loop> {
  @inline(__always) var freedTimer: TimerPointer { pointer(to: \.freedTimer)! }

  /// A kilobyte or more has been freed to the C library. On the loop; costs a few instructions.
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

  /// Takes back a block that was taken for `size` bytes.
  func giveBack(block: UnsafeMutableRawPointer, size: Int) {
    pointee.blocks.give(back: block, size: size)
    if !freedTimer.isArmed { arm(freedTimer, at: pointee.now &+ Loop.freedPeriod) }
  }

  /// Memory of at least `size` bytes, aligned to 16, to be freed with `deallocate`. Ends the process if there is none.
  public func allocateMemory(_ size: Int) -> UnsafeMutableRawBufferPointer {
    guard BlockPool.serves(size) else { return .allocate(byteCount: size, alignment: 16) }
    guard let block = takeBlock(size) else { fatalError("out of memory: \(size) bytes") }
    return UnsafeMutableRawBufferPointer(start: block.memory, count: BlockPool.capacity(for: size))
  }

  /// Frees memory from `allocateMemory`.
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
