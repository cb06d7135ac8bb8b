import Testing

@testable import AmbitRuntime

@Suite struct `What may be a return address` {
  /// Each form of the instruction, filled up in front.
  @Test(
    arguments: [
      [0xE8, 1, 2, 3, 4], [0xFF, 0xD0], [0xFF, 0x10], [0xFF, 0x50, 8], [0xFF, 0x14, 0x24], [0xFF, 0x54, 0x24, 8],
      [0xFF, 0x15, 1, 2, 3, 4], [0xFF, 0x90, 1, 2, 3, 4], [0xFF, 0x94, 0x24, 1, 2, 3, 4], [0x41, 0xFF, 0xD7],
    ] as [[UInt8]])
  func `An address behind a call may be a return address`(instruction: [UInt8]) {
    #expect(StackScan.followsCall([UInt8](repeating: 0x90, count: 7 - instruction.count) + instruction))
  }

  @Test(
    arguments: [
      [0x90, 0x90], [0xFF, 0xE0], [0xFF, 0x25, 1, 2, 3, 4], [0xE9, 1, 2, 3, 4], [0xE8, 1, 2, 3],
    ] as [[UInt8]])
  func `An address behind another instruction is no return address`(instruction: [UInt8]) {
    #expect(!StackScan.followsCall([UInt8](repeating: 0x90, count: 7 - instruction.count) + instruction))
  }
}
