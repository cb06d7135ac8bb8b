internal import CFiber
internal import CLinux

/// A call stack as code addresses, the innermost frame first.
struct Backtrace: Sendable {
  static var mostFrames: Int { 40 }

  let frames: [UInt]
  /// The first frame is the address at which a thread was interrupted; the others are return addresses.
  var beginsWithInterruption = false

  /// The call stack of a suspended fiber. On its loop.
  init(of fiber: UnsafeMutablePointer<cfiber>) {
    frames = [UInt](unsafeUninitializedCapacity: Self.mostFrames) { buffer, count in
      count = Int(cfiber_backtrace(fiber, buffer.baseAddress!, Int32(buffer.count)))
    }
  }

  init(frames: [UInt], beginsWithInterruption: Bool = false) {
    self.frames = frames
    self.beginsWithInterruption = beginsWithInterruption
  }

  /// As reports show it: `#0 work+0x1c (slow.so) #1 ...`. If the library does not export the function, the offset
  /// counts from the start of the library, as addr2line(1) takes it.
  var text: String {
    frames.enumerated().map { index, frame in
      // A call may be the last instruction of its function; its return address would then belong to the next function.
      let isReturn = index > 0 || !beginsWithInterruption
      return "#\(index) \(Self.place(of: frame, looked: isReturn ? frame - 1 : frame))"
    }.joined(separator: " ")
  }

  private static func place(of frame: UInt, looked address: UInt) -> String {
    var place = clinux_place()
    guard clinux_find_place(address, &place) else { return hexadecimal(frame) }
    let file = String(cString: place.file).split(separator: "/").last.map(String.init) ?? "?"
    guard let function = place.function else { return "\(hexadecimal(frame - place.file_start)) (\(file))" }
    return "\(String(cString: function))+\(hexadecimal(frame - place.function_start)) (\(file))"
  }

  private static func hexadecimal(_ number: UInt) -> String { "0x\(String(number, radix: 16))" }
}

/// A guess at the call stack of a thread that must not be interrupted: the words on its stack that may be return
/// addresses into one library. Calls that have returned may show up; no call that has not returned is missing.
enum StackScan {
  private static var depth: Int { 64 << 10 }

  /// Searches from `stackPointer` upwards for return addresses into the library around `origin`.
  static func frames(from stackPointer: UInt, intoImageOf origin: UInt) -> [UInt] {
    let code = clinux_code_around(origin)
    guard code.end > code.start else { return [] }
    var words = [UInt](repeating: 0, count: depth / MemoryLayout<UInt>.size)
    let count = clinux_peek(stackPointer & ~7, &words, depth) / MemoryLayout<UInt>.size
    let returns = words.prefix(count).lazy.filter { $0 > code.start && $0 < code.end && followsCall($0) }
    return Array(returns.prefix(Backtrace.mostFrames))
  }

  /// The first word from `stackPointer` upwards that may be a return address and is wanted; nil if there is none.
  static func firstReturn(from stackPointer: UInt, where isWanted: (UInt) -> Bool) -> UInt? {
    var words = [UInt](repeating: 0, count: depth / MemoryLayout<UInt>.size)
    let count = clinux_peek(stackPointer & ~7, &words, depth) / MemoryLayout<UInt>.size
    return words.prefix(count).first { isWanted($0) && followsCall($0) }
  }

  /// Whether a word between `start` and `end` may be the return address of a call in `code`.
  static func contains(returnsTo code: clinux_range, from start: UInt, to end: UInt) -> Bool {
    contains(from: start, to: end) { $0 > code.start && $0 < code.end && followsCall($0) }
  }

  /// Whether a word between `start` and `end` is any address in `code`.
  static func contains(pointersTo code: clinux_range, from start: UInt, to end: UInt) -> Bool {
    contains(from: start, to: end) { $0 >= code.start && $0 < code.end }
  }

  /// Memory that is gone counts as having no such word.
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
      // bl, and blr with its variants that authenticate pointers.
      return instruction >> 26 == 0b100101 || instruction & 0xFEFF_F000 == 0xD63F_0000
    #endif
  }

  /// Whether the seven bytes end in a call of x86-64: a relative call, or a call through a register or memory, which
  /// has two to seven bytes.
  static func followsCall(_ bytes: [UInt8]) -> Bool {
    guard bytes.count == 7 else { return false }
    if bytes[2] == 0xE8 { return true }
    return [5, 4, 3, 1, 0].contains { bytes[$0] == 0xFF && bytes[$0 + 1] & 0x38 == 0x10 }
  }
}

extension [UInt8] {
  /// A copy of memory that may be gone; empty if it is.
  fileprivate init(peeking address: UInt, count: Int) {
    var bytes = [UInt8](repeating: 0, count: count)
    self = clinux_peek(address, &bytes, count) == count ? bytes : []
  }
}
