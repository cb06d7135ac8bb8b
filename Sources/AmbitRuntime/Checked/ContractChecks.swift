internal import AmbitCore
public import CAmbit
internal import Logging

// What a call must be for checked mode to let it through to the host; what is not is reported, and has no effect.

/// The handle that a plugin passes.
public typealias PassedScope = UnsafeMutablePointer<ambit_scope>?

extension PassedScope {
  /// The table of the calls themselves, which lies behind that of the checks.
  public var calls: UnsafePointer<ambit_api> { self!.pointee.api + 1 }

  /// Why a call [job] on the scope must not be made; nil if it may.
  public func refusal(_ call: StaticString) -> Int32? { misuse(call, waits: false)?.rawValue }

  /// Why a call [job, waits] on the scope must not be made; nil if it may.
  public func waitRefusal(_ call: StaticString) -> Int32? { misuse(call, waits: true)?.rawValue }

  /// Whether a call [job] on the scope that returns no status may be made.
  public func permits(_ call: StaticString) -> Bool { misuse(call, waits: false) == nil }

  /// Passes on what a call returned, and reports that it came at the wrong time, if it says so.
  public func expecting(_ rule: String, _ call: StaticString, _ result: Int32) -> Int32 {
    if result == Status.wrongState.rawValue, let self {
      Misuse.report(call, .of(self), "returned AMBIT_WRONG_STATE: \(rule)")
    }
    return result
  }

  fileprivate func misuse(_ call: StaticString, waits: Bool) -> Status? {
    guard let self else { return .invalid }
    return ScopePointer.of(self).misuse(call, waits: waits)
  }
}

extension UnsafeMutablePointer<Scope> {
  fileprivate func misuse(_ call: StaticString, waits: Bool) -> Status? {
    guard pointee.state != .closed else {
      Misuse.report(call, self, "was called on a scope that has closed")
      return .wrongState
    }
    guard isOfThisThread else {
      Misuse.report(call, self, "was called on a thread that runs no job of the scope: use an ambit_ref there")
      return .wrongThread
    }
    guard waits, CallSite.isInHook else { return nil }
    let isOnLoop = LoopPointer.ofThisThread != nil && pointee.loop.pointee.hookScope != nil
    let place = isOnLoop ? pointee.loop.pointee.hookKind.phrase : "a hook"
    Misuse.report(call, self, "was called in \(place), which must not wait")
    return .wrongState
  }

  /// Whether the calling thread runs the scope's loop, or a job of it.
  private var isOfThisThread: Bool {
    if let loop = LoopPointer.ofThisThread { return loop == pointee.loop }
    return CallSite.job?.pointee.loop == pointee.loop
  }
}

extension PassedScope {
  /// Why a call on the scope must not be made that names a job, too; nil if it may.
  func refusal(_ call: StaticString, job: OpaquePointer?, waits: Bool) -> Int32? {
    if let status = misuse(call, waits: waits) { return status.rawValue }
    guard let self, let job else { return nil }
    guard JobPointer(job).pointee.state == .forgotten else { return nil }
    Misuse.report(call, .of(self), "was called with the handle of a job whose scope has closed")
    return Status.wrongState.rawValue
  }

  /// Why a call on the scope must not be made that names something in the memory of `owner`, too; nil if it may.
  func waitRefusal(_ call: StaticString, owner: ScopePointer?) -> Int32? {
    if let status = misuse(call, waits: true) { return status.rawValue }
    guard let owner, owner.pointee.state == .closed else { return nil }
    Misuse.report(call, owner, "was called with the handle of an event or a channel whose scope has closed")
    return Status.wrongState.rawValue
  }
}

/// What plugins do that `ambit.h` forbids, as the checks of checked mode find it.
enum Misuse {
  /// Writes a line about a call that `scope`, which may have closed, was named in: "NAME REASON". From any thread.
  ///
  /// In checked mode records and memory of a closed scope stay for a while (see `Scope.keep`), so the line can still name
  /// its plugin and route.
  static func report(_ call: StaticString, _ scope: ScopePointer, _ reason: String) {
    guard !ForkedChild.isCurrent else { return }
    PluginLog.write(.error, scope, job: CallSite.job, isFault: true, "\(call) \(reason)")
  }
}

// Closed scopes in checked mode. Plugins may still have handles of them, of their jobs, and of events and channels in
// their memory; so that such a handle is told from one that is good, the records are not used again at once.

extension UnsafeMutablePointer<Loop> {
  @inline(__always) private var keptLink: LinkPointer { pointer(to: \.keptScopes)! }

  /// So many closed scopes a loop keeps: a handle is recognised as stale until as many others have closed since.
  private static var most: Int { 4096 }

  /// Keeps a scope that has just closed, with its jobs and its memory, and lets go of the oldest if there are too many.
  fileprivate func keep(_ scope: ScopePointer) {
    keptLink.append(scope.siblingLink)
    pointee.keptCount += 1
    guard pointee.keptCount > Self.most, let oldest = keptLink.popFirst() else { return }
    pointee.keptCount -= 1
    ScopePointer.of(sibling: oldest).letGo()
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The last step of a close in checked mode.
  func keep() {
    endedJobsLink.forEach { JobPointer.of(sibling: $0).pointee.state = .forgotten }
    if pointee.kind != .plugin { pointee.loop.keep(self) }
  }

  /// The last step of a close: the memory and the records of jobs are used again, and the scope's own if the observer
  /// will.
  @inline(__always)
  func letGo() {
    let loop = pointee.loop
    while let link = endedJobsLink.popFirst() { loop.recycle(JobPointer.of(sibling: link)) }
    if !pointee.memory.isEmpty { pointee.memory.release(to: loop) }
    if pointee.kind != .plugin { pointee.observer?.closed(self) }
  }
}
