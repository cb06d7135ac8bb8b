internal import AmbitCore
internal import Glibc

/// A value of a JSON object that is written from what a C function reports.
enum JSONMemberValue {
  case null
  case scalar(ScalarText)
  case text(UnsafeRawBufferPointer)

  /// How many bytes it takes; nil if it is text and not UTF-8.
  var byteCount: Int? {
    switch self {
    case .null: 4
    case .scalar(let text): text.count
    case .text(let text): JSONStringText.byteCount(of: text.bytes)
    }
  }
}

/// Writes the members of one JSON object into memory that has room for them: RFC 8259, section 4.
struct JSONObjectWriter {
  private let memory: UnsafeMutableRawBufferPointer
  /// How many bytes have been written.
  private(set) var count = 0

  init(_ memory: UnsafeMutableRawBufferPointer) {
    self.memory = memory
    put(UInt8(ascii: "{"))
  }

  /// Writes a member; `key` is its name in quotes with the colon.
  mutating func write(_ key: UnsafeRawBufferPointer, _ value: JSONMemberValue) {
    if count > 1 { put(UInt8(ascii: ",")) }
    put(key)
    switch value {
    case .null: put(.literal("null"))
    case .scalar(let text):
      for index in 0..<text.count { put(text.bytes[index]) }
    case .text(let text):
      var buffer = memory.mutableBytes
      count = JSONStringText.write(text.bytes, into: &buffer, at: count)
    }
  }

  mutating func end() { put(UInt8(ascii: "}")) }

  private mutating func put(_ byte: UInt8) {
    memory[count] = byte
    count += 1
  }

  private mutating func put(_ bytes: UnsafeRawBufferPointer) {
    memcpy(memory.baseAddress! + count, bytes.baseAddress!, bytes.count)
    count += bytes.count
  }
}
