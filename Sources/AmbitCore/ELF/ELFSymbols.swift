/// The symbols that a library has in common with others, by the names of its dynamic symbol table.
struct ELFSymbols: Equatable {
  /// Defined here, and visible to whoever looks.
  private(set) var exported: Set<String> = []
  /// To be found in another library.
  private(set) var imported: Set<String> = []
  /// Defined here, and one for the whole process: STB_GNU_UNIQUE.
  private(set) var unique: Set<String> = []

  init(_ sections: [ELFSection], in file: Span<UInt8>) throws(ELFError) {
    guard let index = sections.firstIndex(where: { $0.type == ELFSection.dynamicSymbols }) else { return }
    let table = sections[index]
    guard sections.indices.contains(table.link) else {
      throw .otherFormat("a section with the names of the symbols", found: UInt64(table.link))
    }
    let names = sections[table.link].offset
    try file.checkExtent(offset: table.offset, size: table.size, of: .section(index))
    for symbol in stride(from: table.offset, to: table.offset + table.size / 24 * 24, by: 24) {
      let name = UInt64(try file.integer(UInt32.self, at: symbol, of: .section(index)))
      let binding = try file.integer(UInt8.self, at: symbol + 4, of: .section(index)) >> 4
      let visibility = try file.integer(UInt8.self, at: symbol + 5, of: .section(index)) & 3
      let isDefined = try file.integer(UInt16.self, at: symbol + 6, of: .section(index)) != 0
      guard name != 0, binding != Self.local else { continue }
      let text = try file.text(at: names, plus: name)
      guard isDefined else {
        imported.insert(text)
        continue
      }
      if binding == Self.gnuUnique { unique.insert(text) }
      if Self.visible.contains(visibility) { exported.insert(text) }
    }
  }

  private static let local: UInt8 = 0
  private static let gnuUnique: UInt8 = 10
  /// STV_DEFAULT and STV_PROTECTED.
  private static let visible: Set<UInt8> = [0, 3]
}
