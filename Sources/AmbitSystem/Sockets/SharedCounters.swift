internal import CLinux
internal import Synchronization

/// Counts of connections that all processes of a host share, so that each knows whether it has more than its share.
///
/// Each process writes to a slot of its own, which has a cache line to itself. The supervisor makes the counters, passes
/// them on with `passedDescriptor`, and empties the slot of a process that has ended. Plugins can write to the memory as
/// to any other of their process, so the counts decide about nothing but the balance. From any thread; nothing waits.
@safe
public final class SharedCounters: @unchecked Sendable {
  private struct Slot: ~Copyable {
    /// Open connections.
    let open = Atomic<Int>(0)
    /// Connections accepted since the process began.
    let accepted = Atomic<Int>(0)
    /// Event loops that accept connections; 0 if the process accepts none.
    let loops = Atomic<Int>(0)

    /// Processors fetch memory in lines of this many bytes.
    static var stride: Int { 64 }
  }

  private let memory: UnsafeMutableRawPointer
  private let size: Int
  private let slotCount: Int
  private let descriptor: Int32?
  private let isTaken: Mutex<[Bool]>

  /// Counters with all slots empty.
  ///
  /// If the system refuses memory that processes can share (memfd_create(2), mmap(2)), it is private memory, and
  /// `passedDescriptor` is nil: then each process counts for itself.
  public convenience init(slots: Int) {
    let file = unsafe clinux_memory_file("ambit-connections", slots * Slot.stride)
    let shared = unsafe file >= 0 ? clinux_map_shared_memory(file, slots * Slot.stride) : nil
    if let memory = unsafe shared {
      unsafe self.init(memory, slots, file)
    } else {
      if file >= 0 { clinux_close(file) }
      unsafe self.init(clinux_map_memory(slots * Slot.stride)!, slots, nil)
    }
  }

  /// Counters for one process, whose slot is 0.
  public convenience init() { unsafe self.init(clinux_map_memory(Slot.stride)!, 1, nil) }

  /// The counters of another process, by the descriptor that it has passed, which is closed.
  /// - Parameter slots: as the other process made them.
  /// - Returns: nil if the system refuses to map the memory, or the descriptor is not that of counters with so many
  ///   slots. Then this process counts for itself.
  public convenience init?(received descriptor: Int32, slots: Int) {
    defer { clinux_close(descriptor) }
    guard slots > 0, clinux_file_size(descriptor) == slots * Slot.stride,
      let memory = unsafe clinux_map_shared_memory(descriptor, slots * Slot.stride)
    else { return nil }
    unsafe self.init(memory, slots, nil)
  }

  private init(_ memory: UnsafeMutableRawPointer, _ slots: Int, _ descriptor: Int32?) {
    unsafe self.memory = memory
    (slotCount, size, self.descriptor) = (slots, slots * Slot.stride, descriptor)
    isTaken = Mutex([Bool](repeating: false, count: slots))
  }

  deinit {
    unsafe clinux_unmap_memory(memory, size)
    if let descriptor { clinux_close(descriptor) }
  }

  /// The descriptor to pass to other processes. It stays the counters'. nil if the memory is private.
  public var passedDescriptor: Int32? { descriptor }

  private func withSlot<Result>(_ index: Int, _ body: (borrowing Slot) -> Result) -> Result {
    precondition(index >= 0 && index < slotCount)
    return unsafe body((memory + index * Slot.stride).assumingMemoryBound(to: Slot.self).pointee)
  }
}

// The supervisor's part.

extension SharedCounters {
  /// A slot that no process has; nil if all are taken. Then the process counts for itself.
  public func takeSlot() -> Int? {
    isTaken.withLock { isTaken in
      guard let free = isTaken.firstIndex(of: false) else { return nil }
      isTaken[free] = true
      return free
    }
  }

  /// Empties the slot of a process that has ended, for another one.
  public func releaseSlot(_ index: Int) {
    withSlot(index) { slot in
      slot.loops.store(0, ordering: .relaxed)
      slot.open.store(0, ordering: .relaxed)
      slot.accepted.store(0, ordering: .relaxed)
    }
    isTaken.withLock { $0[index] = false }
  }
}

// The part of a process that accepts connections.

extension SharedCounters {
  /// A process accepts connections on so many event loops from now on; 0: it accepts none.
  public func setLoops(_ count: Int, in slot: Int) { withSlot(slot) { $0.loops.store(count, ordering: .relaxed) } }

  public func connectionOpened(in slot: Int) {
    withSlot(slot) { slot in
      slot.open.wrappingAdd(1, ordering: .relaxed)
      slot.accepted.wrappingAdd(1, ordering: .relaxed)
    }
  }

  public func connectionClosed(in slot: Int) { withSlot(slot) { _ = $0.open.wrappingSubtract(1, ordering: .relaxed) } }

  /// Open connections per event loop, rounded down, of all processes that accept connections.
  public var average: Int {
    var (open, loops) = (0, 0)
    for index in 0..<slotCount {
      withSlot(index) { slot in
        let count = slot.loops.load(ordering: .relaxed)
        guard count > 0 else { return }
        loops &+= count
        open &+= slot.open.load(ordering: .relaxed)
      }
    }
    return loops > 0 ? open / loops : 0
  }

  /// Connections accepted by all processes that run.
  public var acceptedCount: Int {
    (0..<slotCount).reduce(0) { sum, index in withSlot(index) { sum &+ $0.accepted.load(ordering: .relaxed) } }
  }
}
