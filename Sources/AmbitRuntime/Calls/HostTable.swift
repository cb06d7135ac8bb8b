public import CAmbit

/// The host's function table, in memory that is never released and that nobody may write: every scope handle points to
/// it.
@safe
public final class HostTable: @unchecked Sendable {
  public let pointer: UnsafePointer<ambit_api>
  /// The calls are checked: scopes that have closed are kept for that.
  let isChecked: Bool

  /// A table of the runtime's calls and those that `install` adds. Where calls are checked it is a table of the checks,
  /// with that one behind it; so without checks nothing is paid for them.
  /// - Throws: if the system has no memory for it.
  public init(isChecked: Bool = false, installing install: (inout ambit_api) -> Void) throws(SystemError) {
    var calls = RuntimeCalls.makeTable()
    install(&calls)
    var checks = calls
    if isChecked { CheckedCalls.install(in: &checks) }
    pointer = try ConstantPages.copy([checks, calls], called: "the host's table of calls")
    self.isChecked = isChecked
  }
}
