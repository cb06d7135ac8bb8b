internal import CCrash
internal import CFiber
internal import Glibc
internal import Synchronization

/// A thread of the system, which runs one function and ends: pthread_create(3). It has a signal stack, so that a crash on
/// it is reported even if its stack is used up.
public struct SystemThread {
  private let thread: pthread_t

  /// Starts it. Signals that are blocked in the caller are blocked in it. Either `join` or `detach` is to be called, once.
  /// - Throws: if the system has no more threads; `purpose` is what the thread would have been for.
  public init(for purpose: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    var created = pthread_t()
    let body = Unmanaged.passRetained(Body(body))
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    // One page, which is the default, a frame that is not large steps over.
    pthread_attr_setguardsize(&attributes, cfiber_guard_size())
    let code = pthread_create(
      &created, &attributes,
      { body in
        cfiber_note_thread_stack()
        ccrash_note_thread(nil)
        cfiber_install_signal_stack()
        let number = cfiber_thread_number()
        numbers.withLock { _ = $0.insert(number) }
        defer { numbers.withLock { _ = $0.remove(number) } }
        Unmanaged<Body>.fromOpaque(body!).takeRetainedValue().run()
        cfiber_remove_signal_stack()
        return nil
      }, body.toOpaque())
    guard code == 0 else {
      body.release()
      // The C library tells a filter that answers EPERM from a kernel without clone3, and does without it in the second
      // case only.
      let hint = code == EPERM ? " (a container engine's filter that refuses clone3? update the engine)" : ""
      throw SystemError(operation: "cannot start the thread of \(purpose)\(hint)", code: code)
    }
    thread = created
  }

  /// Whether a thread, by the system's number, is the main thread or was started here, and not by a plugin. From any
  /// thread.
  package static func isHosts(_ number: Int32) -> Bool {
    number == getpid() || numbers.withLock { $0.contains(number) }
  }

  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Bytes of the stack of each: as `ulimit -s` says, see pthread_create(3).
  package static let stackSize: Int = {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    var size = 0
    pthread_attr_getstacksize(&attributes, &size)
    return size
  }()

  /// Waits until it has ended.
  public func join() { pthread_join(thread, nil) }

  /// Lets it end by itself.
  public func detach() { pthread_detach(thread) }
}

/// The system's numbers of the threads that were started here and have not ended.
private let numbers = Mutex<Set<Int32>>([])

/// A value that the compiler cannot see to be safe to pass to another thread; who passes it says why it is.
public struct Unchecked<Value>: @unchecked Sendable {
  public let value: Value
  public init(_ value: Value) { self.value = value }
}

/// Runs `work` on a thread of its own, for what may take long or wait for the loader; on this thread if none can be had.
package func onOwnThread(_ work: @escaping @Sendable () -> Void) {
  guard let thread = try? SystemThread(for: "work that may block", work) else { return work() }
  thread.detach()
}

/// How large a stack plugins and the configuration may ask for.
public enum StackSize {
  /// Bytes that a fiber's stack has at most.
  public static var largest: Int { 64 << 20 }

  /// What was expected instead of `size` bytes, as an error says it; nil if such a stack can be had. A thread's stack has
  /// the size that `ulimit -s` says when the host starts, see pthread_create(3): mostly 8 MiB.
  public static func mismatch(_ size: Int, onThread: Bool) -> String? {
    if onThread, size > SystemThread.stackSize {
      return "at most \(SystemThread.stackSize) bytes, which the stacks of threads have (ulimit -s)"
    }
    return size > largest ? "at most \(largest) bytes (64MiB)" : nil
  }
}
