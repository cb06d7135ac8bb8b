/// The bytes of an ELF file, read in little-endian order and never past their end.
extension Span<UInt8> {
  func starts(with magic: [UInt8]) -> Bool {
    count >= magic.count && magic.indices.allSatisfy { self[$0] == magic[$0] }
  }

  /// The integer at `offset`, which lies in `part` of the file.
  func integer<Value: FixedWidthInteger & UnsignedInteger>(
    _: Value.Type, at offset: UInt64, of part: ELFError.Part
  ) throws(ELFError) -> Value {
    let size = MemoryLayout<Value>.size
    try checkExtent(offset: offset, size: UInt64(size), of: part)
    var value: UInt64 = 0
    for index in (0..<size).reversed() { value = value << 8 | UInt64(self[Int(offset) + index]) }
    return Value(truncatingIfNeeded: value)
  }

  /// Refuses `size` bytes from `offset` on that do not lie within the file.
  func checkExtent(offset: UInt64, size: UInt64, of part: ELFError.Part) throws(ELFError) {
    try ELFError.checkExtent(offset: offset, size: size, of: part, in: UInt64(count))
  }

  /// The text from `start` and `offset` on, up to the NUL that ends it.
  func text(at start: UInt64, plus offset: UInt64) throws(ELFError) -> String {
    let (place, overflow) = start.addingReportingOverflow(offset)
    try checkExtent(offset: overflow ? .max : place, size: 1, of: .name)
    var bytes: [UInt8] = []
    for index in Int(place)..<count {
      guard self[index] != 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(self[index])
    }
    throw .truncated(.name, needed: UInt64(count) + 1, size: UInt64(count))
  }
}

extension ELFError {
  /// Refuses `size` bytes from `offset` on that do not lie within a file of `fileSize` bytes.
  static func checkExtent(offset: UInt64, size: UInt64, of part: Part, in fileSize: UInt64) throws(ELFError) {
    let (end, overflow) = offset.addingReportingOverflow(size)
    guard !overflow, end <= fileSize else {
      throw .truncated(part, needed: overflow ? .max : end, size: fileSize)
    }
  }
}
