public import AmbitSystem
internal import CAmbit
internal import CCrash
internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

/// Memory that a worker shares with its supervisor, in which it notes what its threads run and what ends it. It outlives
/// the worker, so the supervisor learns who ran whatever the end was.
///
/// The supervisor makes one for each worker, passes `passedDescriptor`, and reads it after the worker's end; it does not
/// map the memory. From any thread.
@safe
public final class FlightRecorder: Sendable {
  /// To pass to the worker. It stays the recorder's.
  public let passedDescriptor: Int32

  /// Nil if the system refuses memory that processes can share (memfd_create(2)): then the worker reports its end in
  /// the log, and nobody can be blamed for it. A warning says so, once.
  public init?() {
    passedDescriptor = clinux_memory_file("ambit-flight", ccrash_region_size())
    guard passedDescriptor < 0 else { return }
    let code = errno
    if !Self.hasWarned.exchange(true, ordering: .relaxed) { Self.warn(code) }
    return nil
  }

  private static let hasWarned = Atomic<Bool>(false)

  private static func warn(_ code: Int32) {
    let size = ccrash_region_size()
    let isLimited = code == EFBIG
    Logger(label: "ambit").warning(
      """
      workers cannot tell the supervisor whose code ends them, so no plugin is blamed, quarantined or rolled back for a \
      crash, and a worker that crashes writes a line of its own: \
      \(SystemError(operation: "memory of \(size) bytes for both (memfd_create)", code: code))\
      \(isLimited ? "; raise the host's limit of file sizes (ulimit -f) to at least \((size + 1023) >> 10) KiB" : "")
      """)
  }

  deinit {
    if passedDescriptor >= 0 { clinux_close(passedDescriptor) }
  }

  /// Tells the worker whether the supervisor reads the memory after the worker's end. If not, the worker reports its end
  /// in the log.
  public func tell(hasReader: Bool) { ccrash_tell_reader(passedDescriptor, hasReader) }

  /// What the worker has noted.
  /// - Parameter loops: the number of its event loops.
  /// - Returns: nil if it has noted nothing, or code of a plugin has destroyed the memory.
  public func read(loops: Int) -> FlightRecord? {
    guard let snapshot = ccrash_read_region(passedDescriptor, max(loops, 0)) else { return nil }
    defer { ccrash_free_snapshot(snapshot) }
    return FlightRecord(snapshot)
  }
}

// The worker's side.

extension FlightRecorder {
  /// Has this process note what its threads run, and its end, in the memory behind a descriptor that it has received,
  /// which is closed. Call it once, after `CrashReport.prepare` and before there are loops.
  /// - Throws: if the memory cannot be mapped. Then the process reports its end in the log.
  public static func use(received descriptor: Int32) throws(SystemError) {
    defer { clinux_close(descriptor) }
    guard clinux_file_size(descriptor) == ccrash_region_size() else {
      throw SystemError(operation: "the flight recorder's memory has another size", code: EINVAL)
    }
    try SystemError.check("cannot map the flight recorder's memory: mmap", ccrash_use_region(descriptor))
  }

  /// Notes that nobody reads the memory after the end of this process, which reports its end in the log then. From any
  /// thread.
  public static func noteLossOfReader() { ccrash_note_loss_of_reader() }
}
