/// The arguments of one call, in memory that somebody else owns: for each a slot of eight bytes, which holds any scalar,
/// and where libffi finds it.
public struct ArgumentFrame {
  let slots: UnsafeMutablePointer<UInt64>
  let addresses: UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// The bytes a frame takes for so many arguments.
  @inline(__always)
  public static func size(count: Int) -> Int {
    count * (MemoryLayout<UInt64>.size + MemoryLayout<UnsafeRawPointer>.size)
  }

  /// A frame for `count` arguments, each 0, in `memory`, which is aligned to 8 and has `size(count:)` bytes.
  @inline(__always)
  public init(in memory: UnsafeMutableRawPointer, count: Int) {
    slots = memory.bindMemory(to: UInt64.self, capacity: count)
    addresses = UnsafeMutableRawPointer(slots + count).bindMemory(to: UnsafeMutableRawPointer?.self, capacity: count)
    for index in 0..<count {
      (slots + index).initialize(to: 0)
      (addresses + index).initialize(to: UnsafeMutableRawPointer(slots + index))
    }
  }

  /// Sets an argument; `value` is of the C type of its parameter.
  @inline(__always)
  public func set<Value: BitwiseCopyable>(_ index: Int, to value: Value) {
    UnsafeMutableRawPointer(slots + index).storeBytes(of: value, as: Value.self)
  }
}
