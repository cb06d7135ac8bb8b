internal import AmbitCore
internal import Glibc

// The memory of a scope, and the functions that run when it closes.

extension UnsafeMutablePointer<Scope> {
  /// `size` bytes of the scope's memory, aligned to 16; nil if there is no memory. They are zeroed. With `isZeroed`
  /// false, for memory that the caller writes over, large blocks are not.
  public func allocate(_ size: Int, isZeroed: Bool = true) -> UnsafeMutableRawPointer? {
    pointee.memory.allocate(size, from: pointee.loop, isZeroed: isZeroed)
  }

  /// A copy in the scope's memory, followed by a NUL; empty if there is no memory.
  public func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8> {
    guard let memory = allocate(bytes.count + 1) else { return UnsafeBufferPointer(start: nil, count: 0) }
    if let source = bytes.baseAddress { memcpy(memory, source, bytes.count) }
    return UnsafeBufferPointer(start: memory.assumingMemoryBound(to: UInt8.self), count: bytes.count)
  }

  /// Has `function(argument)` called when the scope closes, before the functions that were deferred earlier.
  func deferCall(_ function: @escaping HookFunction, _ argument: UnsafeMutableRawPointer?) -> Status {
    guard pointee.state != .closed else { return .closed }
    guard let memory = allocate(MemoryLayout<DeferredCall>.size) else { return .noMemory }
    let call = memory.bindMemory(to: DeferredCall.self, capacity: 1)
    call.initialize(to: DeferredCall(function: function, argument: argument, earlier: pointee.deferred))
    pointee.deferred = call
    return .ok
  }
}
