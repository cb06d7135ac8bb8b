public import AmbitCore

/// The last call of `ambit.h` that failed for a job. If the job's function returns the same status, the log names the
/// call. It is remembered on the failing path only.
struct FailedCall {
  /// "ambit_respond"; nil while the call runs.
  var name: CallName?
  var status = Status.ok
  /// What was wrong: "status 600, expected 200 to 599"; absent if the status says enough.
  var reason = OwnedText.absent
  /// A line about it is in the log already.
  var isReported = false
}

/// The name of a call of `ambit.h`, "ambit_respond", in one word: it is an argument of calls that seldom need it.
public struct CallName: ExpressibleByStringLiteral, CustomStringConvertible, Sendable {
  private let text: UInt

  @inline(__always)
  public init(stringLiteral literal: StaticString) { text = UInt(bitPattern: literal.utf8Start) }

  public var description: String { String(cString: UnsafePointer<CChar>(bitPattern: text)!) }
}

extension Status {
  /// `.invalid` for the call that runs on this loop, with what was wrong: "status 600, expected 200 to 599".
  public static func invalid(because reason: String) -> Status { invalid.noting(reason) }

  /// The status for the call that runs on this loop, with what was wrong. Nothing is noted if no job makes the call.
  /// - Parameter isReported: a line about it is in the log already.
  @inline(never)
  public func noting(_ reason: String, isReported: Bool = false) -> Status {
    LoopPointer.ofThisThread?.pointee.current?.noteCallReason(reason, self, isReported: isReported)
    return self
  }
}

extension UseLimit {
  /// `.limit` for the call that runs on this loop, with the limit that it has met, about which the log has a line.
  @inline(never)
  func statusNoted() -> Status { Status.limit.noting(refusal, isReported: true) }
}

extension UnsafeMutablePointer<Job> {
  /// The job's call has returned a negative status.
  ///
  /// Calls that were cancelled, that timed out, or whose other side is closed are not remembered: they have done their
  /// work, and jobs make a great many of them.
  @inline(never)
  public func callFailed(_ call: CallName, _ status: Status) {
    guard status != .cancelled, status != .timedOut, status != .closed else { return }
    let isNoted = failedCall.map { $0.pointee.name == nil && $0.pointee.status == status } ?? false
    if !isNoted { remember(FailedCall(status: status)) }
    failedCall!.pointee.name = call
  }

  fileprivate func noteCallReason(_ reason: String, _ status: Status, isReported: Bool) {
    var reason = reason
    remember(
      FailedCall(status: status, reason: reason.withUTF8 { OwnedText(owning: $0) }, isReported: isReported))
  }

  private var failedCall: UnsafeMutablePointer<FailedCall>? { pointee.coldState?.pointee.failedCall }

  private func remember(_ call: FailedCall) {
    forgetFailedCall()
    let record = UnsafeMutablePointer<FailedCall>.allocate(capacity: 1)
    record.initialize(to: call)
    ensureColdState().pointee.failedCall = record
  }

  /// Drops the call, and its memory.
  func forgetFailedCall() {
    guard let record = failedCall else { return }
    pointee.coldState!.pointee.failedCall = nil
    record.pointee.reason.release()
    record.deallocate()
  }

  /// The status of the last call that failed and is remembered; `.ok` if there is none.
  public var failedCallStatus: Status { failedCall?.pointee.status ?? .ok }

  /// Whether a line in the log already says why the job's function failed with `code`, and the function has given no
  /// reason of its own.
  public func isFailureReported(_ code: Int32) -> Bool {
    guard let call = failedCall, call.pointee.isReported, call.pointee.status.rawValue == code else { return false }
    return pointee.coldState!.pointee.failure.bytes.isEmpty
  }

  /// Whether the job's function probably failed because its plugin has reached a limit: the last call that failed has
  /// met one, and the function has given no reason of its own. The log has a line about the limit.
  public var hasMetLimitOfPlugin: Bool {
    isFailureReported(Status.limit.rawValue)
  }

  /// Why the job's function failed with `code`, as the end of a log line: the reason that it gave to `ambit_fail`, and
  /// the call that returned the same status; empty if there is neither.
  public func failureText(for code: Int32) -> String {
    guard let coldState = pointee.coldState else { return "" }
    let reason = String(bytes: coldState.pointee.failure.bytes)
    let call = failedCallStatus.rawValue == code ? failedCall?.pointee.text : nil
    switch (reason.isEmpty, call) {
    case (true, nil): return ""
    case (true, let call?): return " from \(call)"
    case (false, nil): return ": \(reason)"
    case (false, let call?): return ": \(reason) (\(call))"
    }
  }
}

extension FailedCall {
  /// "ambit_respond: status 600, expected 200 to 599"; nil without a call.
  fileprivate var text: String? {
    guard let name else { return nil }
    return reason.bytes.isEmpty ? "\(name)" : "\(name): \(String(bytes: reason.bytes))"
  }
}
