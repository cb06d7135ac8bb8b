/// Options that plugins pass in a structure whose first field says how many bytes it has in their `ambit.h`.
enum OptionsStructure {
  /// Copies as many bytes as both the plugin and this host know; others stay as they are in `options`.
  ///
  /// A size_t that is no Int comes as a negative number: like any that large it is more than the host knows. No header
  /// ends within eight bytes, so of a pointer that does not fit in there is nothing.
  @inline(__always)
  static func read<Options>(_ source: UnsafePointer<Options>, size: Int, into options: inout Options) {
    let count = min(UInt(bitPattern: size), UInt(MemoryLayout<Options>.size)) & ~7
    withUnsafeMutableBytes(of: &options) { bytes in
      bytes.copyMemory(from: UnsafeRawBufferPointer(start: source, count: Int(count)))
    }
  }
}
