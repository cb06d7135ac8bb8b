internal import CCrash
internal import CFiber
internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

/// The main thread of the process. It runs what plugins put into the main queue of libdispatch: `@MainActor` code and
/// `DispatchQueue.main`. No other thread may do that. The host itself runs on other threads, so that such code runs
/// also while a plugin starts, and delays nothing of the host.
public enum MainThread {
  /// Runs `work` on a thread of its own, and on the calling thread, which is the main one, the main queue. Returns when
  /// `work` has returned.
  /// - Parameters:
  ///   - isForked: Whether this process is a fork, whose main thread libdispatch does not know yet.
  ///   - codeReturned: Called on the main thread whenever code of plugins has run there.
  /// - Throws: if the system has no more threads.
  public static func serve(
    isForked: Bool = false, codeReturned: () -> Void, while work: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    let queue = MainQueue(isForked: isForked)
    ccrash_note_thread(nil)
    cfiber_note_thread_stack()
    cfiber_install_signal_stack()
    let control = try SystemThread(for: "the host") {
      unsafe clinux_name_thread("ambit-control")
      work()
      queue?.isOver.store(true, ordering: .releasing)
      queue?.wake()
    }
    queue?.run(codeReturned)
    control.join()
  }

  /// When the main thread began to run code of plugins, in monotonic nanoseconds; 0 while it runs none. From any thread.
  public static var codeBegan: Int64 { began.load(ordering: .relaxed) }

  fileprivate static let began = Atomic<Int64>(0)

  /// Whether the caller is the first: one watchdog of the process watches the main thread.
  public static func claimWatch() -> Bool { !isWatched.exchange(true, ordering: .relaxed) }

  private static let isWatched = Atomic<Bool>(false)
}

/// The main queue of libdispatch, which the main thread runs as a run loop would: by the functions that libdispatch has
/// for CoreFoundation.
private final class MainQueue: Sendable {
  /// The main thread is to stop.
  let isOver = Atomic<Bool>(false)
  /// Readable when the queue has work: eventfd(2). libdispatch writes to it.
  private let descriptor: Int32
  /// Its argument, a pointer, is not used.
  private let runWork: @convention(c) (UInt) -> Void

  /// Nil if the process has no libdispatch, or one without these functions.
  init?(isForked: Bool) {
    guard let run = unsafe Self.symbol("_dispatch_main_queue_callback_4CF"),
      let handle = unsafe Self.symbol("_dispatch_get_main_queue_handle_4CF")
    else { return nil }
    // Where eventfd(2) is not allowed, libdispatch would end the process.
    let allowed = clinux_eventfd(0)
    if allowed < 0 { return nil }
    clinux_close(allowed)
    runWork = unsafe unsafeBitCast(run, to: (@convention(c) (UInt) -> Void).self)
    if isForked, let adopt = unsafe Self.symbol("dispatch_atfork_child") {
      unsafe unsafeBitCast(adopt, to: (@convention(c) () -> Void).self)()
    }
    descriptor = clinux_own(unsafe unsafeBitCast(handle, to: (@convention(c) () -> Int32).self)())
    if descriptor < 0 { return nil }
  }

  private static func symbol(_ name: String) -> UnsafeMutableRawPointer? {
    unsafe dlsym(UnsafeMutableRawPointer(bitPattern: 0), name)
  }

  /// Runs what is in the queue, and what comes, until `isOver`. Calls `codeReturned` after each time.
  func run(_ codeReturned: () -> Void) {
    var isDescriptorLost = false
    while !isOver.load(ordering: .acquiring) {
      MainThread.began.store(Clock.monotonic, ordering: .relaxed)
      runWork(0)
      MainThread.began.store(0, ordering: .relaxed)
      codeReturned()
      if !isDescriptorLost, awaitWork() { continue }
      if !isDescriptorLost { reportLoss() }
      isDescriptorLost = true
      pauseThread(.milliseconds(10))
    }
  }

  /// Waits until the queue may have work.
  /// - Returns: false if the descriptor was closed.
  private func awaitWork() -> Bool {
    var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let count = unsafe poll(&ready, 1, -1)
    guard count > 0 else { return true }
    guard ready.revents & Int16(POLLIN) != 0 else { return false }
    var value: UInt64 = 0
    return unsafe read(descriptor, &value, 8) == 8 || errno == EAGAIN || errno == EINTR
  }

  private func reportLoss() {
    Logger(label: "ambit").error(
      """
      a plugin closed descriptor \(descriptor), the wake-up of the main thread; @MainActor code of plugins now starts \
      up to 10 ms late
      """, metadata: [LogField.fault: "plugin"])
  }

  /// Ends the main thread's wait. From any thread.
  func wake() {
    var one: UInt64 = 1
    _ = unsafe write(descriptor, &one, 8)
  }
}
