/// A program header, which the loader reads.
struct ELFSegment: Equatable {
  /// `p_type`.
  struct Kind: Equatable {
    let rawValue: UInt32

    static let load = Kind(rawValue: 1)
    static let dynamic = Kind(rawValue: 2)
    static let note = Kind(rawValue: 4)
    /// PT_TLS: the thread-local variables.
    static let threadLocal = Kind(rawValue: 7)
    /// PT_GNU_EH_FRAME.
    static let unwindTable = Kind(rawValue: 0x6474_e550)
  }

  let type: Kind
  /// PF_X: the segment contains code.
  let isExecutable: Bool
  /// The offset in the file.
  let offset: UInt64
  /// The address in memory, relative to the address of the loaded library.
  let address: UInt64
  /// The number of bytes in the file.
  let size: UInt64
  /// The number of bytes in memory.
  let memorySize: UInt64

  /// The size of a program header in bytes.
  static let headerSize: UInt64 = 56
}

extension Span<UInt8> {
  /// The extent of the program headers. It is not checked.
  func segmentTable() throws(ELFError) -> (offset: UInt64, size: UInt64) {
    let table = try integer(UInt64.self, at: 32, of: .header)
    let size = UInt64(try integer(UInt16.self, at: 54, of: .header))
    let count = UInt64(try integer(UInt16.self, at: 56, of: .header))
    guard size == ELFSegment.headerSize else { throw .otherFormat("program headers of 56 bytes", found: size) }
    return (table, size * count)
  }

  /// All program headers. The extents of their segments are not checked.
  func segments() throws(ELFError) -> [ELFSegment] {
    let table = try segmentTable()
    try checkExtent(offset: table.offset, size: table.size, of: .programHeaders)
    var segments: [ELFSegment] = []
    for header in stride(from: table.offset, to: table.offset + table.size, by: Int(ELFSegment.headerSize)) {
      segments.append(
        ELFSegment(
          type: .init(rawValue: try integer(UInt32.self, at: header, of: .programHeaders)),
          isExecutable: try integer(UInt32.self, at: header + 4, of: .programHeaders) & 1 != 0,
          offset: try integer(UInt64.self, at: header + 8, of: .programHeaders),
          address: try integer(UInt64.self, at: header + 16, of: .programHeaders),
          size: try integer(UInt64.self, at: header + 32, of: .programHeaders),
          memorySize: try integer(UInt64.self, at: header + 40, of: .programHeaders)))
    }
    return segments
  }
}

/// A section header, which linkers and debuggers read.
struct ELFSection: Equatable {
  let name: String
  /// `sh_type`.
  let type: UInt32
  let offset: UInt64
  let size: UInt64
  /// `sh_link`: the index of the section with the names, if this is a symbol table.
  let link: Int

  /// SHT_DYNSYM.
  static let dynamicSymbols: UInt32 = 11
}

extension Span<UInt8> {
  /// All section headers; empty if the file was stripped of them. The extents of the sections are not checked.
  func sections() throws(ELFError) -> [ELFSection] {
    let table = try integer(UInt64.self, at: 40, of: .header)
    let size = UInt64(try integer(UInt16.self, at: 58, of: .header))
    let count = UInt64(try integer(UInt16.self, at: 60, of: .header))
    guard table != 0, count != 0 else { return [] }
    guard size == 64 else { throw .otherFormat("section headers of 64 bytes", found: size) }
    try checkExtent(offset: table, size: size * count, of: .sectionTable)
    let names = UInt64(try integer(UInt16.self, at: 62, of: .header))
    let nameOffset =
      names < count ? try integer(UInt64.self, at: table + names * size + 24, of: .sectionTable) : nil
    var sections: [ELFSection] = []
    for index in 0..<count {
      let header = table + index * size
      let name = UInt64(try integer(UInt32.self, at: header, of: .sectionTable))
      sections.append(
        ELFSection(
          name: try nameOffset.map { start throws(ELFError) in try text(at: start, plus: name) } ?? "",
          type: try integer(UInt32.self, at: header + 4, of: .sectionTable),
          offset: try integer(UInt64.self, at: header + 24, of: .sectionTable),
          size: try integer(UInt64.self, at: header + 32, of: .sectionTable),
          link: Int(try integer(UInt32.self, at: header + 40, of: .sectionTable))))
    }
    return sections
  }
}
