/// A function with a frame so large that it can skip the guard below a fiber's stack and write into another stack,
/// because it does not touch the pages in between when it makes the frame.
public struct LargeFrame: Equatable, Sendable, CustomStringConvertible {
  /// The mangled name from the library's symbols; nil if there is none.
  public let function: String?
  /// The address of the function's first instruction, relative to the address of the loaded library.
  public let address: UInt64
  /// The number of bytes by which the stack pointer goes down at once.
  public let size: Int64

  /// The size of the guard below each stack in bytes, the same as CFiber's `cfiber_guard_size`.
  public static var guardSize: Int64 { 65536 }

  /// `fill+0x0 has a frame of 330768 bytes …`.
  public var description: String {
    let place = "0x" + String(address, radix: 16)
    let name = function.map { "\($0) (at \(place))" } ?? "the function at \(place)"
    return "\(name) has a frame of \(size) bytes, which can skip the guard of its stack and overwrite another stack;"
      + " compile it with -fstack-clash-protection or use less stack"
  }
}

extension LargeFrame {
  /// All such functions of `file` in the order of their addresses. `file` is a complete shared library that has passed
  /// `ELF.checkLibrary`.
  ///
  /// The symbols and the unwind table say where functions begin. Code outside of these functions, and instructions that
  /// the decoder does not know, are skipped, so they never cause a false alarm. Takes about a second for 50 MB of code.
  /// - Throws: if a part of the file that is needed would lie beyond its end.
  public static func all(in file: Span<UInt8>, machine: ELF.Machine = .host) throws(ELFError) -> [LargeFrame] {
    let segments = try file.segments()
    let functions = try FunctionStarts(segments, try file.sections(), in: file)
    var frames: [LargeFrame] = []
    for (index, start) in functions.starts.enumerated() {
      guard let number = segments.firstIndex(where: { $0.holdsCode(at: start) }) else { continue }
      let code = segments[number]
      try file.checkExtent(offset: code.offset, size: code.size, of: .segment(number))
      let next = index + 1 < functions.starts.count ? functions.starts[index + 1] : .max
      let length = min(next - start, code.size - (start - code.address))
      let first = Int(code.offset + (start - code.address))
      let span = file.extracting(first..<first + Int(length))
      let size = machine == .amd64 ? StackDepth.x86(span) : StackDepth.arm64(span)
      guard size >= guardSize else { continue }
      frames.append(LargeFrame(function: try functions.name(of: start, in: file), address: start, size: size))
    }
    return frames
  }
}

extension ELFSegment {
  /// PT_LOAD with PF_X.
  fileprivate func holdsCode(at place: UInt64) -> Bool {
    type == .load && isExecutable && place >= address && place - address < size
  }
}

/// The addresses at which the functions of a library begin, from its symbol tables and, since these may be stripped,
/// from the table for unwinders.
struct FunctionStarts {
  /// Sorted, each once.
  let starts: [UInt64]
  /// The offset in the file of the name of the function at an address.
  private var names: [UInt64: UInt64] = [:]

  init(_ segments: [ELFSegment], _ sections: [ELFSection], in file: Span<UInt8>) throws(ELFError) {
    for (index, table) in sections.enumerated() where [2, ELFSection.dynamicSymbols].contains(table.type) {
      guard sections.indices.contains(table.link) else { continue }
      try file.checkExtent(offset: table.offset, size: table.size, of: .section(index))
      for symbol in stride(from: table.offset, to: table.offset + table.size / 24 * 24, by: 24) {
        let kind = try file.integer(UInt8.self, at: symbol + 4, of: .section(index)) & 15
        let section = try file.integer(UInt16.self, at: symbol + 6, of: .section(index))
        let address = try file.integer(UInt64.self, at: symbol + 8, of: .section(index))
        guard Self.functions.contains(kind), section != 0, address != 0, names[address] == nil else { continue }
        let name = UInt64(try file.integer(UInt32.self, at: symbol, of: .section(index)))
        names[address] = sections[table.link].offset &+ name
      }
    }
    let unwinding = try Self.unwindTable(segments, in: file)
    starts = Set(names.keys).union(unwinding).sorted()
  }

  /// The name of the function that begins at `start`, in `file`; nil if it has none.
  func name(of start: UInt64, in file: Span<UInt8>) throws(ELFError) -> String? {
    guard let place = names[start] else { return nil }
    return try file.text(at: place, plus: 0)
  }

  /// STT_FUNC and STT_GNU_IFUNC.
  private static let functions: Set<UInt8> = [2, 10]

  /// The first column of the table in PT_GNU_EH_FRAME. Linkers write one format only: two 32-bit offsets from the
  /// segment's address. See "Linux Standard Base Core Specification", chapter 10.6.2.
  private static func unwindTable(_ segments: [ELFSegment], in file: Span<UInt8>) throws(ELFError) -> [UInt64] {
    guard let index = segments.firstIndex(where: { $0.type == .unwindTable }), segments[index].size >= 12 else {
      return []
    }
    let table = segments[index]
    let part = ELFError.Part.segment(index)
    try file.checkExtent(offset: table.offset, size: table.size, of: part)
    guard try file.integer(UInt8.self, at: table.offset, of: part) == 1,
      try file.integer(UInt8.self, at: table.offset + 2, of: part) == 0x03,
      try file.integer(UInt8.self, at: table.offset + 3, of: part) == 0x3b
    else { return [] }
    let count = UInt64(try file.integer(UInt32.self, at: table.offset + 8, of: part))
    var starts: [UInt64] = []
    for entry in 0..<min(count, (table.size - 12) / 8) {
      let distance = try file.integer(UInt32.self, at: table.offset + 12 + entry * 8, of: part)
      starts.append(table.address &+ UInt64(bitPattern: Int64(Int32(bitPattern: distance))))
    }
    return starts
  }
}
