/// The entries of the dynamic section, which the loader reads.
struct ELFDynamic: Equatable {
  /// DT_NEEDED: the libraries that it is linked with, in their order.
  private(set) var needed: [String] = []
  /// DT_RUNPATH, DT_RPATH: folders, separated by colons; nil if there is none.
  private(set) var runPath: String?
  private(set) var rPath: String?
  /// DT_SONAME; nil if there is none.
  private(set) var soname: String?
  /// DT_FLAGS and DT_FLAGS_1.
  private var flags: UInt64 = 0
  private var flags1: UInt64 = 0
  /// DT_INIT_ARRAYSZ in entries.
  private(set) var initialisers = 0

  var isStaticTLS: Bool { flags & 0x10 != 0 }
  var isNoDelete: Bool { flags1 & 0x8 != 0 }
  var isExecutable: Bool { flags1 & 0x0800_0000 != 0 }

  /// Reads the entries up to DT_NULL, or to the segment's end.
  init(_ segments: [ELFSegment], in file: Span<UInt8>) throws(ELFError) {
    guard let index = segments.firstIndex(where: { $0.type == .dynamic }) else { return }
    let segment = segments[index]
    var names: [UInt64] = []
    var (ownNames, rPaths, runPaths): ([UInt64], [UInt64], [UInt64]) = ([], [], [])
    var strings: UInt64?
    reading: for entry in 0..<(segment.size / 16) {
      let place = segment.offset + entry * 16
      let value = try file.integer(UInt64.self, at: place + 8, of: .segment(index))
      switch try file.integer(UInt64.self, at: place, of: .segment(index)) {
      case 0: break reading
      case 1: names.append(value)
      case 5: strings = value
      case 14: ownNames = [value]
      case 15: rPaths = [value]
      case 29: runPaths = [value]
      case 27: initialisers = Int(clamping: value / 8)
      case 30: flags = value
      case 0x6fff_fffb: flags1 = value
      default: break
      }
    }
    needed = try Self.texts(names, from: strings, of: segments, in: file)
    soname = try Self.texts(ownNames, from: strings, of: segments, in: file).first
    rPath = try Self.texts(rPaths, from: strings, of: segments, in: file).first
    runPath = try Self.texts(runPaths, from: strings, of: segments, in: file).first
  }

  /// The texts at `offsets` in the string table, whose address in memory is DT_STRTAB.
  private static func texts(
    _ offsets: [UInt64], from address: UInt64?, of segments: [ELFSegment], in file: Span<UInt8>
  ) throws(ELFError) -> [String] {
    guard let address, let table = segments.fileOffset(of: address) else { return [] }
    var texts: [String] = []
    for offset in offsets { texts.append(try file.text(at: table, plus: offset)) }
    return texts
  }
}

extension [ELFSegment] {
  /// The offset in the file of the byte that is loaded at `address`; nil if the file does not contain it.
  fileprivate func fileOffset(of address: UInt64) -> UInt64? {
    first { $0.type == .load && address >= $0.address && address - $0.address < $0.size }
      .map { $0.offset + (address - $0.address) }
  }
}

/// The notes of compilers and linkers: their owners, and the build ID.
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

  /// A note has the sizes of its name and description, its type, and both texts, each padded to a multiple of four
  /// bytes.
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
      // The longest hash that linkers use has 64 bytes; a longer note is not a build ID.
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

/// The symbols of a library that the loader binds, from its dynamic symbol table.
struct ELFSymbols: Equatable {
  /// Defined in the library and visible to other libraries.
  private(set) var exported: Set<String> = []
  /// Defined in another library.
  private(set) var imported: Set<String> = []
  /// Defined in the library, once for the whole process: STB_GNU_UNIQUE.
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
