internal import Glibc

/// What one generation of a plugin leaves for the next: bytes that mean something to the plugin alone.
public final class HandedOverState: Sendable {
  /// The most that can be handed over, in bytes.
  public static let limit = 64 << 20

  /// The plugin's own number for the form of the bytes.
  public let version: UInt32
  public let bytes: Unchecked<UnsafeRawBufferPointer>

  /// Copies `bytes`; nil if there is no memory.
  public init?(version: UInt32, copying bytes: UnsafeRawBufferPointer) {
    guard let copy = malloc(max(bytes.count, 1)) else { return nil }
    if let source = bytes.baseAddress { memcpy(copy, source, bytes.count) }
    self.version = version
    self.bytes = Unchecked(UnsafeRawBufferPointer(start: copy, count: bytes.count))
  }

  deinit { free(UnsafeMutableRawPointer(mutating: bytes.value.baseAddress)) }
}
