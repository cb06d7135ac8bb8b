/// The notes that compilers and linkers leave: whose they are, and the build's own number.
struct ELFNotes: Equatable {
  /// The GNU build ID in hexadecimal; nil if the library was linked without one.
  private(set) var buildID: String?
  private(set) var owners: Set<String> = []

  init(_ segments: [ELFSegment], in file: Span<UInt8>) throws(ELFError) {
    for (index, segment) in segments.enumerated() where segment.type == .note {
      try file.checkExtent(offset: segment.offset, size: segment.size, of: .segment(index))
      try read(segment, .segment(index), in: file)
    }
  }

  /// Notes follow each other: sizes of name and description, a type, then both, each filled up to four bytes.
  private mutating func read(_ segment: ELFSegment, _ part: ELFError.Part, in file: Span<UInt8>) throws(ELFError) {
    let end = segment.offset + segment.size
    var place = segment.offset
    while place + 12 <= end {
      let nameSize = UInt64(try file.integer(UInt32.self, at: place, of: part))
      let size = UInt64(try file.integer(UInt32.self, at: place + 4, of: part))
      let type = try file.integer(UInt32.self, at: place + 8, of: part)
      let description = place + 12 + (nameSize + 3) / 4 * 4
      try file.checkExtent(offset: description, size: size, of: part)
      let owner = try file.text(at: place + 12, plus: 0)
      owners.insert(owner)
      // The longest hash that linkers use has 64 bytes; whoever wrote a longer one did not mean a build ID.
      if owner == "GNU", type == 3, size <= 64 { buildID = try Self.digits(size, at: description, part, in: file) }
      place = description + (size + 3) / 4 * 4
    }
  }

  private static func digits(
    _ count: UInt64, at offset: UInt64, _ part: ELFError.Part, in file: Span<UInt8>
  ) throws(ELFError) -> String {
    var text = ""
    text.reserveCapacity(2 * Int(count))
    for index in 0..<count {
      let byte = try file.integer(UInt8.self, at: offset + index, of: part)
      text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return text
  }
}
