/// The largest step by which the code of a function moves the stack pointer down without touching the pages in between.
///
/// Reads the instructions in their order and does not follow jumps, since a frame is made in one piece at the beginning
/// of a function or of the part that needs it. With -fstack-clash-protection compilers never step further than a page
/// on x86-64, or 64 KiB with a store right after it on arm64.
enum StackDepth {
  /// The largest step in x86-64 code, in bytes.
  static func x86(_ code: Span<UInt8>) -> Int64 {
    var largest: Int64 = 0
    var offset = 0
    var constants: [UInt8: (value: Int64, place: Int)] = [:]
    var count = 0
    while offset < code.count, let instruction = X86Instruction(code, at: offset) {
      switch instruction.effect {
      case .lowersStack(let bytes): largest = max(largest, bytes)
      case .lowersStackByRegister(let register, let adds):
        if let known = constants[register], count - known.place <= constantLife {
          largest = max(largest, adds ? 0 &- known.value : known.value)
        }
      // Ada's compiler and -fstack-check probe before they make the frame.
      case .probesBelow(let bytes) where bytes >= 4096: return 0
      // The called function has probed, for example __rust_probestack.
      case .branches: constants = [:]
      case .sets, .probesBelow, .other: break
      }
      if !constants.isEmpty { for register in instruction.destinations { constants[register] = nil } }
      if case .sets(let register, let value) = instruction.effect { constants[register] = (value, count) }
      offset += instruction.length
      count += 1
    }
    return largest
  }

  /// The number of instructions for which a register is assumed to hold the constant that it was set to.
  private static var constantLife: Int { 4 }

  /// The largest step in arm64 code, in bytes.
  static func arm64(_ code: Span<UInt8>) -> Int64 {
    var largest: Int64 = 0
    var constants = [UInt64?](repeating: nil, count: 32)
    /// A step of 64 KiB, which counts unless a store follows within the next instructions.
    var unprobed: (bytes: Int64, instructionsLeft: Int)?
    for offset in stride(from: 0, through: code.count - 4, by: 4) {
      let word = (0..<4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32(code[offset + $1]) }
      let instruction = ARM64Instruction(word)
      if let step = unprobed {
        unprobed = instruction == .storesOnStack ? nil : (step.bytes, step.instructionsLeft - 1)
        if let left = unprobed, left.instructionsLeft == 0 || instruction == .branches {
          largest = max(largest, left.bytes)
          unprobed = nil
        }
      }
      switch instruction {
      case .lowersStack(let bytes): note(bytes)
      case .lowersStackByRegister(let register, let adds):
        if let value = constants[Int(register)].map(Int64.init(bitPattern:)) { note(adds ? 0 &- value : value) }
      case .sets(let register, let value): constants[Int(register)] = value
      case .inserts(let register, let bits, let shift):
        constants[Int(register)] = constants[Int(register)].map { $0 & ~(0xffff << shift) | bits << shift }
      case .branches: constants = [UInt64?](repeating: nil, count: 32)
      case .storesOnStack, .other: break
      }
    }
    if let unprobed { largest = max(largest, unprobed.bytes) }
    return largest

    func note(_ bytes: Int64) {
      if bytes == probeInterval { unprobed = (bytes, 2) } else { largest = max(largest, bytes) }
    }
  }

  /// The number of bytes by which an arm64 function may step down at once if it stores there next (the guard size of
  /// AAPCS64 on Linux).
  private static var probeInterval: Int64 { 65536 }
}
