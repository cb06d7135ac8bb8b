internal import CCrash
internal import CFiber
internal import CLinux
internal import Glibc

/// A process that plugin code makes with fork(2).
///
/// It has a copy of the host's memory and one thread, the one that called fork. It may exec a program or call `_exit`.
/// It cannot serve: the loops' epoll instances and the connections belong to the parent, and locks of other threads may
/// be held for ever. So the host's descriptors are closed in the child, its calls of ambit.h return
/// `AMBIT_WRONG_THREAD`, and the child ends if plugin code returns into the host.
public enum ForkedChild {
  /// Prepares the process for plugin code that forks. To be called before plugins are loaded; a second call has no
  /// effect.
  static func watch() { _ = isWatched }

  private static let isWatched: Bool = {
    // So that calls of ambit.h find themselves on a thread that belongs to no loop.
    return clinux_watch_forks {
      cfiber_set_loop(nil)
      cfiber_set_work(nil)
    } == 0
  }()

  /// Whether the calling process is a forked child, which must take no lock of the host.
  @inline(__always)
  static var isCurrent: Bool { clinux_is_forked_child() }

  /// Ends the process if it is a forked child. To be called when a plugin function has returned that ran as `job` with
  /// the handle of `scope`.
  @inline(__always)
  public static func endIfReturned(from job: JobPointer, in scope: ScopePointer) {
    if clinux_is_forked_child() { end(UnsafeRawPointer(job), UnsafeRawPointer(scope), nil) }
  }

  /// The same for a hook of `scope`.
  @inline(__always)
  static func endIfReturned(from hook: WorkLabel.Kind, of scope: ScopePointer) {
    if clinux_is_forked_child() { end(nil, UnsafeRawPointer(scope), place(of: hook)) }
  }

  /// The same for constructors and destructors that the loader has run within `CrashReport.noting`.
  public static func endIfReturnedFromLoading() {
    if clinux_is_forked_child() { end(nil, nil, "constructor or destructor") }
  }

  /// The same for code that the main thread has run: see `MainThread`.
  public static func endIfReturnedFromMainQueue() {
    if clinux_is_forked_child() { end(nil, nil, "block of the main queue") }
  }

  private static func place(of hook: WorkLabel.Kind) -> StaticString {
    switch hook {
    case .onEnd: "on_end function"
    case .onCancel: "on_cancel function"
    case .deferred: "deferred function"
    case .handler, .job, .host: "function"
    }
  }

  /// Takes no lock of the host or of Swift's runtime, which a thread of the parent may have held, writes no buffer of
  /// the parent and runs no exit function. An output without a reader or a lock of the C library may still block; the
  /// process ends after a second in any case.
  @inline(never)
  private static func end(_ job: UnsafeRawPointer?, _ scope: UnsafeRawPointer?, _ place: StaticString?) -> Never {
    clinux_end_soon()
    var name: UnsafePointer<CChar>?
    if let place { name = UnsafeRawPointer(place.utf8Start).assumingMemoryBound(to: CChar.self) }
    ccrash_report_return(job, scope, name)
    _exit(EXIT_FAILURE)
  }
}
