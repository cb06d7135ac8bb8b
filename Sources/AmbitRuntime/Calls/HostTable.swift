public import CAmbit

/// The host's function table, in memory that is never released: every scope handle points to it.
@safe
public final class HostTable: @unchecked Sendable {
  public let pointer: UnsafePointer<ambit_api>

  /// A table of the runtime's calls and those that `install` adds.
  public init(installing install: (inout ambit_api) -> Void) {
    let table = UnsafeMutablePointer<ambit_api>.allocate(capacity: 1)
    table.initialize(to: RuntimeCalls.makeTable())
    install(&table.pointee)
    pointer = UnsafePointer(table)
  }
}
