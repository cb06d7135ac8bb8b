internal import CCrash
internal import CFiber
internal import CLinux
internal import Glibc
internal import Synchronization

/// A thread that runs one function and ends: pthread_create(3). It has an alternate signal stack, so that a crash is
/// reported even after a stack overflow.
public struct SystemThread {
  private let thread: pthread_t

  /// Starts it. Signals that are blocked in the caller are blocked in it. The caller calls either `join` or `detach`,
  /// once.
  /// - Parameter purpose: what the thread is for, in the error.
  /// - Throws: if the system has no more threads.
  public init(for purpose: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    var created = pthread_t()
    let body = unsafe Unmanaged.passRetained(Body(body))
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    // The default is one page, which a frame of ordinary size steps over.
    unsafe pthread_attr_setguardsize(&attributes, cfiber_guard_size())
    let code = unsafe pthread_create(
      &created, &attributes,
      { body in
        cfiber_note_thread_stack()
        ccrash_note_thread(nil)
        cfiber_install_signal_stack()
        let number = cfiber_thread_number()
        numbers.withLock { _ = $0.insert(number) }
        defer { numbers.withLock { _ = $0.remove(number) } }
        if let endKey { unsafe pthread_setspecific(endKey, body) }
        unsafe Unmanaged<Body>.fromOpaque(body!).takeRetainedValue().run()
        if let endKey { pthread_setspecific(endKey, nil) }
        cfiber_remove_signal_stack()
        ccrash_forget_thread()
        return nil
      }, unsafe body.toOpaque())
    guard code == 0 else {
      unsafe body.release()
      // A kernel without clone3 answers ENOSYS, and the C library then uses clone; a container's filter that answers
      // EPERM makes it fail.
      let filter = code == EPERM ? " (does a container engine's filter refuse clone3? then update the engine)" : nil
      // The C library answers EAGAIN as well if there is no address space for the stack.
      let memory = code == EAGAIN || code == ENOMEM ? ResourceLimit.addressSpace : nil
      let limit = memory.map { bytes in
        " (perhaps because the address space is limited to \(bytes >> 20) MiB: ulimit -v, or worker_limits.memory)"
      }
      throw SystemError(operation: "cannot start the thread of \(purpose)\(filter ?? limit ?? "")", code: code)
    }
    thread = created
  }

  /// Whether a thread is the host's, the main thread or one that was started here, and not a plugin's. From any thread.
  /// - Parameter number: as gettid(2) gives it.
  package static func isOfHost(_ number: Int32) -> Bool {
    number == getpid() || numbers.withLock { $0.contains(number) }
  }

  /// Sets what runs on a thread that was started here and that code of a plugin ends: pthread_exit(3). Nothing that the
  /// thread was to do happens any more, and what it holds stays held. Call it before plugins are loaded.
  package static func onEarlyEnd(_ body: @escaping @Sendable () -> Void) { earlyEnd.withLock { $0 = body } }

  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Bytes of each thread's stack: `ulimit -s`, see pthread_create(3).
  package static let stackSize: Int = {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    var size = 0
    unsafe pthread_attr_getstacksize(&attributes, &size)
    return size
  }()

  /// Waits until it has ended. Blocks.
  public func join() { pthread_join(thread, nil) }

  /// Lets it end without a `join`.
  public func detach() { pthread_detach(thread) }
}

private let earlyEnd = Mutex<(@Sendable () -> Void)?>(nil)

/// Has a value in threads that were started here and whose function runs, so that its destructor runs if they end
/// before the function has returned. Nil if the process has no more keys.
private let endKey: pthread_key_t? = {
  var key = pthread_key_t()
  let code = unsafe pthread_key_create(&key) { _ in
    if let body = earlyEnd.withLock({ $0 }) { body() }
  }
  return code == 0 ? key : nil
}()

/// The numbers, as gettid(2) gives them, of the threads that were started here and have not ended.
private let numbers = Mutex<Set<Int32>>([])

/// Passes a value to another thread without the compiler's check. The code that makes one says why that is safe.
public struct Unchecked<Value>: @unchecked Sendable {
  public let value: Value

  public init(_ value: Value) { self.value = value }
}

/// Runs `work`, which may take long or wait for the loader, on a thread of its own; on this thread if the system has no
/// more. Does not wait in the first case.
package func onOwnThread(_ work: @escaping @Sendable () -> Void) {
  guard let thread = try? SystemThread(for: "work that may block", work) else { return work() }
  thread.detach()
}

/// The limits on the size of stacks that plugins and the configuration may ask for.
public enum StackSize {
  /// Most bytes of a fiber's stack.
  public static var largest: Int { 64 << 20 }

  /// What an error names as the expected size instead of `size` bytes; nil if `size` is allowed. The stack of a thread
  /// has the size that `ulimit -s` gives when the host starts, see pthread_create(3): mostly 8 MiB.
  public static func mismatch(_ size: Int, onThread: Bool) -> String? {
    if onThread, size > SystemThread.stackSize {
      return "at most \(SystemThread.stackSize) bytes, which the stacks of threads have (ulimit -s)"
    }
    return size > largest ? "at most \(largest) bytes (64MiB)" : nil
  }
}

/// A thread that runs posted work in order and never ends.
public final class WorkThread: Sendable {
  private let pending = Mutex<[@Sendable () -> Void]>([])
  private let wakeup = Wakeup()

  /// Starts it; debuggers show it as `name`. Signals that are blocked in the caller are blocked in it.
  /// - Parameter purpose: what the thread is for, in the error.
  /// - Throws: if the system has no more threads.
  public init(for purpose: String, name: String) throws(SystemError) {
    try SystemThread(for: purpose) {
      unsafe clinux_name_thread(name)
      self.run()
    }.detach()
  }

  /// Runs `work` on the thread after all work that was posted before. From any thread; does not wait.
  public func post(_ work: @escaping @Sendable () -> Void) {
    pending.withLock { $0.append(work) }
    wakeup.notify()
  }

  private func run() -> Never {
    while true {
      wakeup.wait()
      let work = pending.withLock { pending in
        defer { pending = [] }
        return pending
      }
      for item in work { item() }
    }
  }
}
