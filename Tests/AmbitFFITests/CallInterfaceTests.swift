import AmbitCore
import AmbitFFI
import Glibc
import TestSupport
import Testing

@Suite struct `Calls of C functions` {
  /// Six registers hold integers and eight hold floating-point numbers on x86-64, eight each on arm64: from there on
  /// arguments are on the stack.
  @Test func `Calls with 0 to 40 mixed arguments give the same results as calls made from C`() throws {
    var generator = SeededGenerator(seed: 5)
    let signatures = (0..<205).map { RandomSignature(parameterCount: $0 % 41, using: &generator) }
    let library = try CLibrary(
      RandomSignature.prologue + signatures.enumerated().map { $1.source($0) }.joined())
    let recorded = try library.variable("recorded", as: UInt64.self)
    let recordedCount = try library.variable("recorded_count", as: UInt32.self)
    let nextResult = try library.variable("next_result", as: UInt64.self)
    for (number, signature) in signatures.enumerated() {
      nextResult.pointee = signature.values.last!
      func record(_ call: () throws -> UInt64) rethrows -> [UInt64] {
        for index in 0..<64 { recorded[index] = 0 }
        let result = try call()
        return [result] + (0..<Int(recordedCount.pointee)).map { recorded[$0] }
      }
      let fromC = try record {
        let drive = unsafeBitCast(try library.function("drive_\(number)"), to: Drive.self)
        var result: UInt64 = 0
        drive(signature.values, &result)
        return result
      }
      let fromHere = try record {
        let result = call(try library.function("record_\(number)"), signature)
        #expect(result.errorNumber == number % 100)
        return result.bits & signature.result.mask
      }
      #expect(fromHere == fromC, "\(signature)")
    }
  }

  private typealias Drive = @convention(c) (UnsafePointer<UInt64>, UnsafeMutablePointer<UInt64>) -> Void

  private func call(_ function: CFunction, _ signature: RandomSignature) -> CallResult {
    let interface = CallInterface(result: signature.result, parameters: signature.parameters)
    defer { interface.release() }
    return withFrame(count: signature.parameters.count) { frame in
      for index in signature.parameters.indices { frame.set(index, to: signature.values[index]) }
      return interface.call(function, frame)
    }
  }

  @Test(arguments: [
    (CType.i8, "-1", UInt64.max), (.i8, "127", 127), (.i16, "-32768", UInt64(bitPattern: -32768)), (.u8, "255", 255),
    (.u16, "65535", 65535), (.i32, "-2147483647 - 1", UInt64(bitPattern: -2_147_483_648)),
    (.u32, "4294967295u", 4_294_967_295), (.bool, "3 > 2", 1), (.i64, "-1", .max), (.f32, "0x1p-3f", 0x3e00_0000),
    (.f64, "-0.0", 1 << 63), (.size, "-1", .max),
  ])
  func `Calls hand back results extended to 64 bits as their type says`(type: CType, value: String, bits: UInt64) throws
  {
    let spellings: [CType: String] = [
      .i8: "signed char", .i16: "short", .i32: "int", .i64: "long", .u8: "unsigned char", .u16: "unsigned short",
      .u32: "unsigned", .bool: "_Bool", .f32: "float", .f64: "double", .size: "unsigned long",
    ]
    let library = try CLibrary("\(spellings[type]!) answer(void) { return \(value); }")
    let interface = CallInterface(result: type, parameters: [])
    defer { interface.release() }
    let result = try withFrame(count: 0) { interface.call(try library.function("answer"), $0) }
    #expect(result.bits == bits)
  }

  @Test func `Calls find errno at 0, whatever it was before`() throws {
    let library = try CLibrary("#include <errno.h>\nint seen(void) { return errno; }")
    let interface = CallInterface(result: .i32, parameters: [])
    defer { interface.release() }
    errno = EPERM
    let result = try withFrame(count: 0) { interface.call(try library.function("seen"), $0) }
    #expect(result.bits == 0)
    #expect(result.errorNumber == 0)
  }
}

/// Hands `body` a frame of zeros.
private func withFrame<Result>(count: Int, _ body: (ArgumentFrame) throws -> Result) rethrows -> Result {
  let memory = UnsafeMutableRawPointer.allocate(byteCount: ArgumentFrame.size(count: count) + 1, alignment: 16)
  defer { memory.deallocate() }
  return try body(ArgumentFrame(in: memory, count: count))
}
