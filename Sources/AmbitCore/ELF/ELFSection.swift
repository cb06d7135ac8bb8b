/// A section header: what linkers and debuggers read.
struct ELFSection: Equatable {
  let name: String
  /// `sh_type`.
  let type: UInt32
  let offset: UInt64
  let size: UInt64
  /// `sh_link`: for a table of symbols, the index of the section with their names.
  let link: Int

  /// SHT_DYNSYM.
  static let dynamicSymbols: UInt32 = 11
}

extension Span<UInt8> {
  /// All section headers; empty if the file was stripped of them. Where they point to is not checked.
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
