internal import CLinux

/// A guess at who called whom on the stack of a thread that must not be disturbed: what lies there and may be the return
/// address of a call in the code of one image. Calls that have returned may show up; none that has not is missing.
enum StackScan {
  private static var depth: Int { 64 << 10 }

  /// Looks from `stackPointer` upwards for returns into the image that `origin` lies in.
  static func frames(from stackPointer: UInt, intoImageOf origin: UInt) -> [UInt] {
    let code = clinux_code_around(origin)
    guard code.end > code.start else { return [] }
    var words = [UInt](repeating: 0, count: depth / MemoryLayout<UInt>.size)
    let count = clinux_peek(stackPointer & ~7, &words, depth) / MemoryLayout<UInt>.size
    let returns = words.prefix(count).lazy.filter { $0 > code.start && $0 < code.end && followsCall($0) }
    return Array(returns.prefix(Backtrace.mostFrames))
  }

  /// Whether one of the words from `start` up to `end` may be the return address of a call in `code`.
  static func contains(returnsTo code: clinux_range, from start: UInt, to end: UInt) -> Bool {
    contains(from: start, to: end) { $0 > code.start && $0 < code.end && followsCall($0) }
  }

  /// Whether one of the words from `start` up to `end` is an address in `code`, of whatever kind.
  static func contains(pointersTo code: clinux_range, from start: UInt, to end: UInt) -> Bool {
    contains(from: start, to: end) { $0 >= code.start && $0 < code.end }
  }

  /// Memory that is not there any more has no such word.
  private static func contains(from start: UInt, to end: UInt, where isWanted: (UInt) -> Bool) -> Bool {
    let size = MemoryLayout<UInt>.size
    var words = [UInt](repeating: 0, count: depth / size)
    var place = start & ~7
    while place < end {
      let count = clinux_peek(place, &words, min(depth, Int(end - place)))
      guard count >= size else { return false }
      if words.prefix(count / size).contains(where: isWanted) { return true }
      place += UInt(count / size * size)
    }
    return false
  }

  /// Whether the instruction before `address` may be a call. `address` lies in code.
  private static func followsCall(_ address: UInt) -> Bool {
    #if arch(x86_64)
      return followsCall([UInt8](peeking: address - 7, count: 7))
    #else
      let bytes = [UInt8](peeking: address - 4, count: 4)
      guard bytes.count == 4 else { return false }
      let instruction = bytes.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      // bl, and blr with its variants that check a signature.
      return instruction >> 26 == 0b100101 || instruction & 0xFEFF_F000 == 0xD63F_0000
    #endif
  }

  /// Whether the seven bytes end in a call of x86-64: relative, or through a register or memory, which takes two to
  /// seven bytes by the form of the address.
  static func followsCall(_ bytes: [UInt8]) -> Bool {
    guard bytes.count == 7 else { return false }
    if bytes[2] == 0xE8 { return true }
    return [5, 4, 3, 1, 0].contains { bytes[$0] == 0xFF && bytes[$0 + 1] & 0x38 == 0x10 }
  }
}

extension [UInt8] {
  /// A copy of memory that may not be there: empty then.
  fileprivate init(peeking address: UInt, count: Int) {
    var bytes = [UInt8](repeating: 0, count: count)
    self = clinux_peek(address, &bytes, count) == count ? bytes : []
  }
}
