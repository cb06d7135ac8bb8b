internal import Glibc

/// NUL-terminated bytes that a plugin passed.
public enum CString {
  @inline(__always)
  public static func length(_ text: UnsafePointer<CChar>) -> Int { strlen(text) }

  /// The bytes before the NUL.
  @inline(__always)
  public static func bytes(_ text: UnsafePointer<CChar>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: text, count: strlen(text))
  }
}

extension UnsafeMutablePointer<Scope> {
  /// `size` bytes of the scope's memory, aligned to 16; nil if there is no memory. They are zeroed, but for large ones if
  /// they need not be, since they are written over.
  public func allocate(_ size: Int, isZeroed: Bool = true) -> UnsafeMutableRawPointer? {
    pointee.memory.allocate(size, from: pointee.loop, isZeroed: isZeroed)
  }

  /// A copy in the scope's memory, with a NUL behind its end; empty if there is no memory.
  public func copy(_ bytes: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8> {
    guard let memory = allocate(bytes.count + 1) else { return UnsafeBufferPointer(start: nil, count: 0) }
    if let source = bytes.baseAddress { memcpy(memory, source, bytes.count) }
    return UnsafeBufferPointer(start: memory.assumingMemoryBound(to: UInt8.self), count: bytes.count)
  }
}
