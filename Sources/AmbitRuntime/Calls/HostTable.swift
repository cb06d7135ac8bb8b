public import AmbitSystem
public import CAmbit

/// The host's function table, in memory that is never released and that nobody may write: every scope handle points to
/// it.
@safe
public final class HostTable: @unchecked Sendable {
  public let pointer: UnsafePointer<ambit_api>
  /// The calls are checked: scopes that have closed are kept for that.
  let isChecked: Bool

  /// A table of the runtime's calls and of those that `install` adds.
  ///
  /// If calls are checked, it is a table of the checks, and the table of the calls lies behind it. So a host without
  /// checks pays nothing for them. `installChecks` adds the checks of the calls that `install` adds.
  /// - Throws: if the system has no memory for it.
  public init(
    isChecked: Bool = false, installing install: (inout ambit_api) -> Void = { _ in },
    checks installChecks: (inout ambit_api) -> Void = { _ in }
  ) throws(SystemError) {
    var calls = RuntimeCalls.makeTable()
    install(&calls)
    var checks = calls
    if isChecked {
      CheckedCalls.install(in: &checks)
      installChecks(&checks)
    }
    pointer = try ConstantPages.copy([checks, calls], called: "the host's table of calls")
    self.isChecked = isChecked
  }
}
