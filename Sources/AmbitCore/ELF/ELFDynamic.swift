/// What the dynamic section tells the loader.
struct ELFDynamic: Equatable {
  /// DT_NEEDED: the libraries it is linked with, in their order.
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

  /// The names at `offsets` in the table of strings, which DT_STRTAB names by its address in memory.
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
  /// Where the byte that is loaded to `address` lies in the file; nil if it lies nowhere there.
  fileprivate func fileOffset(of address: UInt64) -> UInt64? {
    first { $0.type == .load && address >= $0.address && address - $0.address < $0.size }
      .map { $0.offset + (address - $0.address) }
  }
}
