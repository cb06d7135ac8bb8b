internal import AmbitSystem
internal import Glibc

/// Constants that plugins get pointers to, on pages of their own that nobody may write: a plugin that does so by mistake
/// crashes there, with its name in the crash report, instead of the host later on.
enum ConstantPages {
  /// Copies `values`, which crash reports call `name`. The copy is never released.
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
