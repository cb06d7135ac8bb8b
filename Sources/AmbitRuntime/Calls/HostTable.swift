internal import AmbitCore
public import AmbitSystem
public import CAmbit
internal import Glibc

/// The host's function table, to which every scope handle points. It lies in read-only memory that is never released.
@safe
public final class HostTable: @unchecked Sendable {
  public let pointer: UnsafePointer<ambit_api>
  /// Calls are checked, so closed scopes are kept for a while.
  let isChecked: Bool

  /// Makes a table of the runtime's calls and those that `install` adds.
  ///
  /// In checked mode the table has the checks, and the table of the calls themselves lies behind it; without checked
  /// mode the checks cost nothing. `installChecks` adds the checks of the calls that `install` adds.
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

/// The part of the host's function table that the runtime answers.
public enum RuntimeCalls {
  /// A table with the runtime's calls. A call that the host does not have returns `AMBIT_UNSUPPORTED`; protocols
  /// install theirs afterwards.
  public static func makeTable() -> ambit_api {
    var api = ambit_api()
    api.size = UInt32(MemoryLayout<ambit_api>.size)
    api.major = UInt16(AMBIT_ABI_MAJOR)
    api.minor = UInt16(AMBIT_ABI_MINOR)
    api.send_file = { handle, _, _, _ in HostCall.onLoop(handle, "ambit_send_file") { _ in .unsupported } }
    JobCalls.install(in: &api)
    ScopeCalls.install(in: &api)
    WaitCalls.install(in: &api)
    PluginCalls.install(in: &api)
    return api
  }
}

/// Constants to which plugins get pointers, on read-only pages of their own. A plugin that writes to them by mistake
/// crashes at once, and the crash report names it; otherwise the host would crash later.
enum ConstantPages {
  /// Copies `values`; crash reports call the copy `name`. It is never released.
  /// - Throws: if the system has no memory for it.
  static func copy<Value: BitwiseCopyable>(
    _ values: [Value], called name: StaticString
  ) throws(SystemError) -> UnsafePointer<Value> {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let size = (max(values.count * MemoryLayout<Value>.stride, 1) + page - 1) / page * page
    let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, UInt(bitPattern: memory) != .max else { throw SystemError(operation: "mmap", code: errno) }
    let copy = memory.bindMemory(to: Value.self, capacity: values.count)
    copy.initialize(from: values, count: values.count)
    try SystemError.check("mprotect", mprotect(memory, size, PROT_READ))
    CrashReport.name(memory: UnsafeRawBufferPointer(start: memory, count: size), name)
    return UnsafePointer(copy)
  }
}
