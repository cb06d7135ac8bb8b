/// Checks a file before the loader sees it: it may be cut short, garbage, or built for another system. `dlopen` of a
/// file that is cut short can fail, crash or even succeed, depending on its length.
///
/// Only 64-bit little-endian files pass, since the host runs on x86-64 and arm64 only. `LibraryFacts` reads the
/// contents of segments and sections.
public enum ELF {
  /// A processor, by its number in `e_machine`.
  public struct Machine: RawRepresentable, Equatable, Sendable, CustomStringConvertible {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let amd64 = Machine(rawValue: 62)
    public static let arm64 = Machine(rawValue: 183)

    /// The processor this code was compiled for.
    public static var host: Machine {
      #if arch(x86_64)
        .amd64
      #elseif arch(arm64)
        .arm64
      #endif
    }

    public var description: String { Self.names[rawValue] ?? "machine \(rawValue)" }

    /// `e_machine` of elf.h.
    private static let names: [UInt16: String] = [
      3: "x86 (32 bits)", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "s390x", 40: "arm (32 bits)", 62: "x86-64",
      183: "arm64", 243: "RISC-V", 258: "LoongArch",
    ]
  }

  /// Refuses the whole file `file` unless it is a shared library for `expected` whose header, program headers, section
  /// table and segments all lie within it.
  public static func checkLibrary(_ file: Span<UInt8>, machine expected: Machine = .host) throws(ELFError) {
    try checkHead(file, size: UInt64(file.count), machine: expected)
  }

  /// Makes the checks of `checkLibrary` for which the first bytes of a file of `size` bytes are enough. So a huge file
  /// that is not a library, or is cut short, is refused before the rest of it is read.
  /// - Parameter head: the first bytes of the file; all of them if the file is no longer than that. Program headers
  ///   after these bytes are not checked.
  public static func checkHead(
    _ head: Span<UInt8>, size: UInt64, machine expected: Machine = .host
  ) throws(ELFError) {
    try checkIdentity(of: head, machine: expected)
    let type = try head.integer(UInt16.self, at: 16, of: .header)
    let machine = Machine(rawValue: try head.integer(UInt16.self, at: 18, of: .header))
    guard machine == expected else { throw .otherMachine(found: machine, expected: expected) }
    guard type == 3 else { throw .notShared(type: type) }
    try head.checkExtent(offset: 0, size: 64, of: .header)
    try checkSectionTable(of: head, size: size)
    try checkSegments(of: head, size: size)
  }

  /// `e_ident`: the magic number, 64 bits, little-endian, version 1.
  private static func checkIdentity(of file: Span<UInt8>, machine expected: Machine) throws(ELFError) {
    guard !file.isEmpty else { throw .empty }
    guard file.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { throw .notELF(ForeignFile(file)) }
    let width = try file.integer(UInt8.self, at: 4, of: .header)
    guard width != 1 else { throw .otherWidth(bits: 32, expected: expected) }
    guard width == 2 else { throw .otherFormat("a class of 2 (64 bits)", found: UInt64(width)) }
    let order = try file.integer(UInt8.self, at: 5, of: .header)
    guard order == 1 else { throw .otherFormat("a data encoding of 1 (little-endian)", found: UInt64(order)) }
    let version = try file.integer(UInt8.self, at: 6, of: .header)
    guard version == 1 else { throw .otherFormat("an ELF version of 1", found: UInt64(version)) }
  }

  /// A stripped library may have no section table. If the header announces one, the file must contain it: linkers write
  /// the table last, so it shows best whether the file is complete.
  private static func checkSectionTable(of head: Span<UInt8>, size fileSize: UInt64) throws(ELFError) {
    let offset = try head.integer(UInt64.self, at: 40, of: .header)
    guard offset != 0 else { return }
    let size = try head.integer(UInt16.self, at: 58, of: .header)
    let count = try head.integer(UInt16.self, at: 60, of: .header)
    try ELFError.checkExtent(offset: offset, size: UInt64(size) * UInt64(count), of: .sectionTable, in: fileSize)
  }

  /// Checks each PT_LOAD and PT_DYNAMIC. There must be at least one PT_LOAD.
  private static func checkSegments(of head: Span<UInt8>, size: UInt64) throws(ELFError) {
    let table = try head.segmentTable()
    try ELFError.checkExtent(offset: table.offset, size: table.size, of: .programHeaders, in: size)
    guard table.offset + table.size <= UInt64(head.count) else { return }
    let segments = try head.segments()
    for (index, segment) in segments.enumerated() where segment.type == .load || segment.type == .dynamic {
      try ELFError.checkExtent(offset: segment.offset, size: segment.size, of: .segment(index), in: size)
    }
    guard segments.contains(where: { $0.type == .load }) else { throw .nothingToLoad }
  }
}
