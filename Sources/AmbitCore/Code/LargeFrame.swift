/// A function whose frame is so large that it can step over the guard below a fiber's stack, into another stack: it does not
/// touch the pages in between when it makes the frame.
public struct LargeFrame: Equatable, Sendable, CustomStringConvertible {
  /// As the library's symbols have it, mangled; nil if it has none.
  public let function: String?
  /// Of the function's first instruction, from where the library is loaded.
  public let address: UInt64
  /// Bytes that the stack pointer goes down at once.
  public let size: Int64

  /// Bytes of guard below each stack; as CFiber's `cfiber_guard_size`.
  public static var guardSize: Int64 { 65536 }

  /// `fill+0x0 has a frame of 330768 bytes …`.
  public var description: String {
    let place = "0x" + String(address, radix: 16)
    let name = function.map { "\($0) (at \(place))" } ?? "the function at \(place)"
    return "\(name) has a frame of \(size) bytes, which can step over the guard of a stack and overwrite another stack;"
      + " compile it with -fstack-clash-protection, or use less stack"
  }
}

extension LargeFrame {
  /// All such functions of `file`, a whole shared library that `ELF.checkLibrary` has let pass, by their address.
  ///
  /// Looks at the code between the beginning of each function, by the symbols and the unwind table, and that of the next.
  /// What has neither, and code that this decoder does not know, is passed over: no alarm is false for that reason. Takes
  /// about a second for 50 MB of code.
  /// - Throws: if a part that is needed for it leads out of the file.
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
