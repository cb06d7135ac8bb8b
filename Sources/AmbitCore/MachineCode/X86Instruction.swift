/// One instruction of x86-64 code: its length and its effect on the stack pointer.
///
/// See Intel's manual, volume 2, chapter 2 (formats) and appendix A (opcode maps). Integers are little-endian.
struct X86Instruction: Equatable {
  enum Effect: Equatable {
    case other
    /// The stack pointer goes down by this number of bytes, or up if it is negative.
    case lowersStack(Int64)
    /// A register, 0 to 15, becomes a constant.
    case sets(register: UInt8, to: Int64)
    /// The stack pointer goes down by the value of a register, or up if `adds`.
    case lowersStackByRegister(UInt8, adds: Bool)
    /// It touches memory this number of bytes below the stack pointer without changing it: `or $0, -N(%rsp)`.
    case probesBelow(Int64)
    /// A call, a jump or a return.
    case branches
  }

  let length: Int
  let effect: Effect
  /// The registers, 0 to 15, that the instruction may have changed as far as this decoder knows.
  let destinations: [UInt8]

  /// Decodes the instruction at `offset` of `code`; nil if the decoder does not know it, or if it does not end within
  /// `code`.
  init?(_ code: Span<UInt8>, at offset: Int) {
    var reader = Reader(code: code, start: offset)
    guard reader.readPrefixes(), let decoded = reader.decode() else { return nil }
    length = reader.position - offset
    effect = decoded.effect
    destinations = decoded.destinations
  }
}

/// Reads one instruction byte by byte.
private struct Reader: ~Escapable {
  struct Decoded {
    var effect = X86Instruction.Effect.other
    var destinations: [UInt8] = []
  }

  private let code: Span<UInt8>
  private(set) var position: Int
  private var rex: UInt8 = 0
  private var hasOperandPrefix = false
  private var hasAddressPrefix = false

  @_lifetime(copy code)
  init(code: Span<UInt8>, start: Int) {
    self.code = code
    position = start
  }

  private mutating func byte() -> UInt8? {
    guard position < code.count else { return nil }
    defer { position += 1 }
    return code[position]
  }

  /// A signed integer of 1, 2, 4 or 8 bytes.
  private mutating func integer(_ size: Int) -> Int64? {
    guard position + size <= code.count else { return nil }
    var value: UInt64 = 0
    for index in (0..<size).reversed() { value = value << 8 | UInt64(code[position + index]) }
    position += size
    let unused = UInt64(64 - 8 * size)
    return Int64(bitPattern: value << unused) >> Int64(unused)
  }

  private mutating func skip(_ count: Int) -> Decoded? {
    position += count
    return position <= code.count ? Decoded() : nil
  }

  mutating func readPrefixes() -> Bool {
    while position < code.count {
      switch code[position] {
      case 0x66: hasOperandPrefix = true
      case 0x67: hasAddressPrefix = true
      case 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65: break
      case 0x40...0x4f:
        rex = code[position]
        position += 1
        return true
      default: return true
      }
      position += 1
    }
    return false
  }

  private var isWide: Bool { rex & 8 != 0 }
  /// The size in bytes of an immediate operand that is as large as the other operands, at most 4.
  private var operandSize: Int { hasOperandPrefix && !isWide ? 2 : 4 }

  mutating func decode() -> Decoded? {
    guard let opcode = byte() else { return nil }
    switch opcode {
    case 0x0f: return decodeSecondMap()
    case 0xc5: return decodeVector(map: 1, payload: 1)
    case 0xc4:
      guard let first = position < code.count ? code[position] : nil else { return nil }
      return decodeVector(map: first & 0x1f, payload: 2)
    case 0x62:
      guard let first = position < code.count ? code[position] : nil else { return nil }
      return decodeVector(map: first & 7, payload: 3)
    case 0x00...0x3f: return decodeArithmetic(opcode)
    default: return decodeFirstMap(opcode)
    }
  }

  // MARK: ModRM

  private struct Operand {
    let mode: UInt8
    /// The field `reg` with its extension.
    let register: UInt8
    /// The register or base that `rm` names, with its extension; 4 may stand for an index byte.
    let base: UInt8
    /// It is `displacement(%rsp)`, without an index.
    var isOnStack = false
    var displacement: Int64 = 0

    var isRegister: Bool { mode == 3 }
  }

  private mutating func operand() -> Operand? {
    guard let modrm = byte() else { return nil }
    let mode = modrm >> 6
    let low = modrm & 7
    var operand = Operand(mode: mode, register: (modrm >> 3 & 7) | (rex & 4) << 1, base: low | (rex & 1) << 3)
    guard mode != 3 else { return operand }
    var hasLongDisplacement = mode == 2 || mode == 0 && low == 5
    if low == 4 {
      guard let index = byte() else { return nil }
      operand.isOnStack = index & 7 == 4 && rex & 1 == 0 && index >> 3 & 7 == 4 && rex & 2 == 0
      if mode == 0, index & 7 == 5 { hasLongDisplacement = true }
    }
    let size = hasLongDisplacement ? 4 : mode == 1 ? 1 : 0
    if size > 0 {
      guard let displacement = integer(size) else { return nil }
      operand.displacement = displacement
    }
    return operand
  }

  /// An instruction whose operands are ModRM's and an immediate one of `size` bytes.
  private mutating func decodeOperands(immediate size: Int = 0) -> Decoded? {
    guard let operand = operand(), position + size <= code.count else { return nil }
    position += size
    return Decoded(destinations: changed(by: operand))
  }

  private func changed(by operand: Operand) -> [UInt8] {
    operand.isRegister ? [operand.register, operand.base] : [operand.register]
  }

  // MARK: The maps of opcodes

  /// 00 to 3f: eight operations in six forms each.
  private mutating func decodeArithmetic(_ opcode: UInt8) -> Decoded? {
    switch opcode & 7 {
    case 0...3:
      guard let operand = operand() else { return nil }
      var decoded = Decoded(destinations: changed(by: operand))
      guard operand.isRegister, isWide else { return decoded }
      switch opcode {
      case 0x01 where operand.base == 4, 0x29 where operand.base == 4:
        decoded.effect = .lowersStackByRegister(operand.register, adds: opcode == 0x01)
      case 0x03 where operand.register == 4, 0x2b where operand.register == 4:
        decoded.effect = .lowersStackByRegister(operand.base, adds: opcode == 0x03)
      default: break
      }
      return decoded
    case 4: return skip(1)
    case 5: return skip(operandSize)
    default: return nil
    }
  }

  private mutating func decodeFirstMap(_ opcode: UInt8) -> Decoded? {
    switch opcode {
    case 0x50...0x5f, 0x6c...0x6f, 0x90...0x99, 0x9b...0x9f, 0xa4...0xa7, 0xaa...0xaf, 0xc9, 0xcc, 0xce, 0xd7,
      0xec...0xef, 0xf1, 0xf4, 0xf5, 0xf8...0xfd:
      return Decoded()
    case 0xc3, 0xcb, 0xcf: return Decoded(effect: .branches)
    case 0x6a, 0xa8, 0xb0...0xb7, 0xcd, 0xe4...0xe7: return skip(1)
    case 0x70...0x7f, 0xe0...0xe3, 0xeb: return branch(1)
    case 0xe8, 0xe9: return branch(4)
    case 0xc2, 0xca: return branch(2)
    case 0x68, 0xa9: return skip(operandSize)
    case 0xc8: return skip(3)
    case 0xa0...0xa3: return skip(hasAddressPrefix ? 4 : 8)
    case 0xb8...0xbf: return decodeConstant(opcode)
    case 0x63, 0x84...0x8b, 0x8c, 0x8e, 0x8f, 0xd0...0xd3, 0xd8...0xdf, 0xfe: return decodeOperands()
    case 0xff: return branchOrOperands()
    case 0x69: return decodeOperands(immediate: operandSize)
    case 0x6b, 0x80, 0xc0, 0xc1, 0xc6: return decodeOperands(immediate: 1)
    case 0x8d: return decodeAddress()
    case 0x81, 0x83: return decodeImmediateArithmetic(opcode)
    case 0xc7: return decodeMove()
    case 0xf6, 0xf7: return decodeTest(opcode)
    default: return nil
    }
  }

  private mutating func branch(_ size: Int) -> Decoded? {
    guard skip(size) != nil else { return nil }
    return Decoded(effect: .branches)
  }

  private mutating func branchOrOperands() -> Decoded? {
    guard let operand = operand() else { return nil }
    let isBranch = (2...5).contains(operand.register & 7)
    return Decoded(effect: isBranch ? .branches : .other, destinations: changed(by: operand))
  }

  /// `mov $N, %reg`: 32 bits, which clear the upper half, or with REX.W 64.
  private mutating func decodeConstant(_ opcode: UInt8) -> Decoded? {
    let register = opcode & 7 | (rex & 1) << 3
    let size = isWide ? 8 : operandSize
    guard let value = integer(size) else { return nil }
    return Decoded(
      effect: .sets(register: register, to: size == 4 ? value & 0xffff_ffff : value), destinations: [register])
  }

  /// `lea`: with the stack pointer as base and target it moves that.
  private mutating func decodeAddress() -> Decoded? {
    guard let operand = operand() else { return nil }
    let isMove = isWide && operand.register == 4 && operand.isOnStack
    return Decoded(effect: isMove ? .lowersStack(-operand.displacement) : .other, destinations: [operand.register])
  }

  /// `add`, `or`, `sub` and the like with an immediate operand.
  private mutating func decodeImmediateArithmetic(_ opcode: UInt8) -> Decoded? {
    guard let operand = operand(), let value = integer(opcode == 0x81 ? operandSize : 1) else { return nil }
    var decoded = Decoded(destinations: operand.isRegister ? [operand.base] : [])
    switch operand.register & 7 {
    case 0 where isWide && operand.isRegister && operand.base == 4: decoded.effect = .lowersStack(-value)
    case 5 where isWide && operand.isRegister && operand.base == 4: decoded.effect = .lowersStack(value)
    case 1 where operand.isOnStack && value == 0: decoded.effect = .probesBelow(-operand.displacement)
    default: break
    }
    return decoded
  }

  /// `mov $N, %reg` or to memory; the constant is extended by its sign.
  private mutating func decodeMove() -> Decoded? {
    guard let operand = operand(), let value = integer(operandSize) else { return nil }
    guard operand.isRegister else { return Decoded() }
    let constant = isWide ? value : value & 0xffff_ffff
    return Decoded(effect: .sets(register: operand.base, to: constant), destinations: [operand.base])
  }

  /// The group of `test`, `not`, `neg`, `mul` and `div`: the first has an immediate operand.
  private mutating func decodeTest(_ opcode: UInt8) -> Decoded? {
    guard let operand = operand() else { return nil }
    guard operand.register & 7 < 2 else { return Decoded(destinations: [0, 2] + changed(by: operand)) }
    return skip(opcode == 0xf6 ? 1 : operandSize)
  }

  private mutating func decodeSecondMap() -> Decoded? {
    guard let opcode = byte() else { return nil }
    switch opcode {
    case 0x38:
      guard byte() != nil else { return nil }
      return decodeOperands()
    case 0x3a:
      guard byte() != nil else { return nil }
      return decodeOperands(immediate: 1)
    case 0x05...0x09, 0x0b, 0x0e, 0x30...0x37, 0x77, 0xa0...0xa2, 0xa8...0xaa, 0xc8...0xcf: return Decoded()
    case 0x80...0x8f: return branch(4)
    case 0x0f, 0x70...0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4...0xc6: return decodeOperands(immediate: 1)
    default: return decodeOperands()
    }
  }

  /// VEX and EVEX: a payload of one to three bytes, an opcode, ModRM.
  private mutating func decodeVector(map: UInt8, payload: Int) -> Decoded? {
    // The payload has the extensions of registers. None of these instructions changes a general register that matters.
    rex = 0
    guard (1...3).contains(map), skip(payload) != nil, let opcode = byte() else { return nil }
    if map == 1, opcode == 0x77 { return Decoded() }
    let hasImmediate = map == 3 || map == 1 && [0x70, 0x71, 0x72, 0x73, 0xc2, 0xc4, 0xc5, 0xc6].contains(opcode)
    guard let decoded = decodeOperands(immediate: hasImmediate ? 1 : 0) else { return nil }
    return Decoded(effect: decoded.effect)
  }
}
