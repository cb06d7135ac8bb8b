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

/// Options that plugins pass in a structure whose first field says how many bytes it has in their `ambit.h`.
enum OptionsStructure {
  /// Copies as many bytes as both the plugin's header and this host know. The rest of `options` keeps its defaults.
  ///
  /// A size_t that does not fit into an Int comes as a negative number; read as unsigned it is larger than what the
  /// host knows. No version of the structure ends inside a word, so the size is rounded down to words and no pointer is
  /// copied in part.
  @inline(__always)
  static func read<Options>(_ source: UnsafePointer<Options>, size: Int, into options: inout Options) {
    let count = min(UInt(bitPattern: size), UInt(MemoryLayout<Options>.size)) & ~7
    withUnsafeMutableBytes(of: &options) { bytes in
      bytes.copyMemory(from: UnsafeRawBufferPointer(start: source, count: Int(count)))
    }
  }
}
