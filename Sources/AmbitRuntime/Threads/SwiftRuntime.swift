internal import AmbitSystem
internal import CLinux
internal import Glibc

/// The Swift runtime of the process, which the host and plugins in Swift share.
///
/// It keeps some state for each thread although the state belongs to the code that runs there: accesses under way, the
/// values of `@TaskLocal` variables, the current task. Jobs of a loop share its thread, so each job takes this state
/// along when it leaves the thread: see `SwiftThreadState`.
@safe
public struct SwiftRuntime: @unchecked Sendable {
  /// Nil if the host was linked with a Swift runtime of its own (`-static-stdlib`).
  public static let shared = SwiftRuntime()

  /// Called with two words, in which the runtime keeps the accesses that the calling thread has under way.
  typealias AccessSwitch = @convention(c) (UnsafeMutableRawPointer) -> Void

  /// `swift_beginAccess` tests it first.
  private let skipsAccessChecks: UnsafeMutablePointer<Bool>
  /// Takes the accesses under way from the thread.
  let takeAccesses: AccessSwitch
  /// Gives the thread the accesses that `takeAccesses` has taken.
  let putAccessesBack: AccessSwitch
  /// The thread-local words that are swapped.
  let words: SwiftThreadWords

  private init?() {
    guard let variable = Self.symbol(Self.checkVariable), let exit = Self.symbol("swift_task_exitThreadLocalContext"),
      let enter = Self.symbol("swift_task_enterThreadLocalContext")
    else { return nil }
    skipsAccessChecks = variable.assumingMemoryBound(to: Bool.self)
    takeAccesses = unsafeBitCast(exit, to: AccessSwitch.self)
    putAccessesBack = unsafeBitCast(enter, to: AccessSwitch.self)
    words = SwiftThreadWords.found(in: Self.symbol("swift_task_localValuePush"))
  }

  /// Whether the host has found where the runtime keeps the values of `@TaskLocal` variables.
  public var hasTaskLocals: Bool { words.count > 0 }

  /// The name of the variable by which the runtime of a library is told from others.
  public static var checkVariable: String { "_swift_disableExclusivityChecking" }

  /// Whether this is the runtime whose `checkVariable` has this address.
  public func hasCheckVariable(at address: UInt) -> Bool { UInt(bitPattern: skipsAccessChecks) == address }

  /// Ends the check of exclusive access in the whole process. It keeps a list of the accesses under way for each
  /// thread, with entries on the stack, so a job that waits within an access would leave its entries to other jobs.
  public func endAccessChecks() { skipsAccessChecks.pointee = true }

  private static func symbol(_ name: String) -> UnsafeMutableRawPointer? {
    dlsym(UnsafeMutableRawPointer(bitPattern: 0), name)
  }
}
