internal import CFiber
internal import CLinux

/// Who called whom, as code addresses, the innermost first.
struct Backtrace: Sendable {
  static var mostFrames: Int { 40 }

  let frames: [UInt]
  /// The first frame is where a thread was interrupted; every other is where a call returns to.
  var beginsWithInterruption = false

  /// Of a suspended job, on its loop.
  init(of job: JobPointer) {
    frames = [UInt](unsafeUninitializedCapacity: Self.mostFrames) { buffer, count in
      count = Int(cfiber_backtrace(job.pointee.fiber!, buffer.baseAddress!, Int32(buffer.count)))
    }
  }

  init(frames: [UInt], beginsWithInterruption: Bool = false) {
    self.frames = frames
    self.beginsWithInterruption = beginsWithInterruption
  }

  /// As a report shows it: `#0 work+0x1c (slow.so) #1 ...`. A function is named if its library exports it, else the
  /// offset is from the start of the library, as addr2line(1) takes it.
  var text: String {
    frames.enumerated().map { index, frame in
      // A call may be the last instruction of its function: what it returns to would be the next one.
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
