/// One instruction of arm64 code, decoded as far as it concerns the stack pointer.
///
/// See Arm's manual, section C4.1 (encodings). The stack pointer is register 31 here.
enum ARM64Instruction: Equatable {
  case other
  /// `sub sp, sp, #N`: the stack pointer goes down by N bytes, or up if N is negative.
  case lowersStack(Int64)
  /// A register, 0 to 30, becomes a constant.
  case sets(register: UInt8, to: UInt64)
  /// `movk`: replaces 16 bits of a register.
  case inserts(register: UInt8, bits: UInt64, shift: UInt64)
  /// `sub sp, sp, xN`; `add` if `adds`.
  case lowersStackByRegister(UInt8, adds: Bool)
  /// A store at the stack pointer or at most 4 KiB above it.
  case storesOnStack
  /// A branch, a call or a return.
  case branches

  init(_ word: UInt32) {
    self = Self.stack(word) ?? Self.constant(word) ?? Self.flow(word) ?? .other
  }

  private static func stack(_ word: UInt32) -> ARM64Instruction? {
    // add and sub (immediate), 64 bits, from and to the stack pointer.
    if word & 0xbf80_03ff == 0x9100_03ff {
      let amount = Int64(word >> 10 & 0xfff) << (word & 0x0040_0000 != 0 ? 12 : 0)
      return .lowersStack(word & 0x4000_0000 != 0 ? amount : -amount)
    }
    // add and sub (extended register), 64 bits: the only form that has the stack pointer.
    if word & 0xbfe0_1fff == 0x8b20_03ff {
      return .lowersStackByRegister(UInt8(word >> 16 & 31), adds: word & 0x4000_0000 == 0)
    }
    // str (immediate, unsigned offset), 64 bits, on the stack pointer; and stp.
    if word & 0xffc0_03e0 == 0xf900_03e0 || word & 0xffc0_03e0 == 0xa900_03e0 { return .storesOnStack }
    return nil
  }

  private static func constant(_ word: UInt32) -> ARM64Instruction? {
    let register = UInt8(word & 31)
    let shift = UInt64(word >> 21 & 3) * 16
    let bits = UInt64(word >> 5 & 0xffff)
    switch word & 0x7f80_0000 {
    case 0x5280_0000: return .sets(register: register, to: bits << shift)
    case 0x1280_0000 where word & 0x8000_0000 != 0: return .sets(register: register, to: ~(bits << shift))
    case 0x7280_0000: return .inserts(register: register, bits: bits, shift: shift)
    default: break
    }
    // orr xN, xzr, #bitmask
    guard word & 0xff80_03e0 == 0xb200_03e0, let mask = bitmask(word) else { return nil }
    return .sets(register: register, to: mask)
  }

  /// The 64-bit value of a logical immediate: a run of ones, rotated, in an element of 2 to 64 bits, repeated.
  private static func bitmask(_ word: UInt32) -> UInt64? {
    let (n, rotation, ones) = (word >> 22 & 1, UInt64(word >> 16 & 63), UInt64(word >> 10 & 63))
    let selector = n << 6 | ~UInt32(ones) & 63
    guard selector > 1 else { return nil }
    let size = UInt64(1) << UInt64(31 - selector.leadingZeroBitCount)
    let count = ones & (size - 1) + 1
    guard count < size || size == 64 && count < 64 else { return nil }
    let run = (UInt64(1) << count) - 1
    let turn = rotation & (size - 1)
    let all = size == 64 ? UInt64.max : (UInt64(1) << size) - 1
    let element = turn == 0 ? run : (run >> turn | run << (size - turn)) & all
    var value: UInt64 = 0
    for start in stride(from: UInt64(0), to: 64, by: Int(size)) { value |= element << start }
    return value
  }

  private static func flow(_ word: UInt32) -> ARM64Instruction? {
    let isImmediate = word & 0x7c00_0000 == 0x1400_0000
    let isConditional = word & 0xff00_0000 == 0x5400_0000 || word & 0x7c00_0000 == 0x3400_0000
    let isRegister = word & 0xfe00_0000 == 0xd600_0000
    return isImmediate || isConditional || isRegister ? .branches : nil
  }
}
