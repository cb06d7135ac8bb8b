/// Why this host cannot load a file as a shared library.
public enum ELFError: Error, Equatable, CustomStringConvertible {
  /// A part of the file that can lie beyond its end.
  public enum Part: Equatable, Sendable, CustomStringConvertible {
    case header, programHeaders, sectionTable
    case segment(Int)
    case section(Int)
    case name

    public var description: String {
      switch self {
      case .header: "the file header"
      case .programHeaders: "the program headers"
      case .sectionTable: "the section table"
      case .segment(let index): "segment \(index)"
      case .section(let index): "section \(index)"
      case .name: "a name"
      }
    }
  }

  /// The file has no bytes.
  case empty
  /// The file does not begin with the ELF magic number.
  case notELF(ForeignFile)
  /// The file is for processors with another number of bits than 64.
  case otherWidth(bits: Int, expected: ELF.Machine)
  /// A field of the header has a value that this host does not support.
  case otherFormat(String, found: UInt64)
  case otherMachine(found: ELF.Machine, expected: ELF.Machine)
  /// `e_type` is not ET_DYN.
  case notShared(type: UInt16)
  /// A part would end at byte `needed`, but the file ends at byte `size`.
  case truncated(Part, needed: UInt64, size: UInt64)
  case nothingToLoad
  /// DF_1_PIE: the file is a program with the ELF type of a library.
  case executable

  public var description: String {
    switch self {
    case .empty:
      "the file is empty; build or copy it again"
    case .notELF(let kind):
      "not a shared library\(kind)"
    case .otherWidth(let bits, let expected):
      "built for \(bits) bits, but this host runs on \(expected) with 64; build it for \(expected)"
    case .otherFormat(let expected, let found):
      "not a shared library of this machine: expected \(expected), found \(found)"
    case .otherMachine(let found, let expected):
      "built for \(found), but this host runs on \(expected); build it for \(expected)"
    case .notShared(let type):
      "not a shared library but \(Self.kind(of: type))"
    case .truncated(let part, let needed, let size):
      "cut short: \(part) should end at byte \(needed), but the file ends at byte \(size); build or copy it again"
    case .nothingToLoad:
      "not a shared library: it has no segment to load"
    case .executable:
      "not a shared library but a position-independent executable; link it with -shared"
    }
  }

  private static func kind(of type: UInt16) -> String {
    switch type {
    case 1: "an object file; link it with -shared"
    case 2: "an executable; link it with -shared"
    case 4: "a core dump, which a crashed process has left"
    default: "a file of ELF type \(type); link it with -shared"
    }
  }
}

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
