public import CAmbit

/// The host's function table, in memory that is never released: every scope handle points to it.
@safe
public final class HostTable: @unchecked Sendable {
  public let pointer: UnsafePointer<ambit_api>
  /// The calls are checked: scopes that have closed are kept for that.
  let isChecked: Bool

  /// A table of the runtime's calls and those that `install` adds. Where calls are checked it is a table of the checks,
  /// with that one behind it; so without checks nothing is paid for them.
  public init(isChecked: Bool = false, installing install: (inout ambit_api) -> Void) {
    let table = UnsafeMutablePointer<ambit_api>.allocate(capacity: 2)
    var calls = RuntimeCalls.makeTable()
    install(&calls)
    table.initialize(repeating: calls, count: 2)
    if isChecked { CheckedCalls.install(in: &table.pointee) }
    pointer = UnsafePointer(table)
    self.isChecked = isChecked
  }
}
