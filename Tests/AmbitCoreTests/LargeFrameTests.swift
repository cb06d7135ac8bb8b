@testable import AmbitCore
import Foundation
import TestSupport
import Testing

/// Functions whose frames can skip a guard, as compilers make them.
@Suite struct `Large frames` {
  private static let source = """
    void touch(char *);
    void big(void) { char b[323 << 10]; touch(b); }
    void huge(void) { char b[40 << 20]; touch(b); }
    void late(int x) { if (!x) return; char b[200000]; touch(b); touch(b + x); }
    void small(void) { char b[60000]; touch(b); }
    void grows(long n) { char b[n]; touch(b); }
    """

  /// A compiler, and the machine that its code is for.
  struct Compiler: Sendable, CustomTestStringConvertible {
    let command: String
    let machine: ELF.Machine

    var testDescription: String { command }
    var isInstalled: Bool {
      (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(command)") }
    }
  }

  private static let compilers = [
    Compiler(command: "gcc", machine: .host), Compiler(command: "clang", machine: .host),
    Compiler(command: "aarch64-linux-gnu-gcc", machine: .arm64),
  ].filter(\.isInstalled)
  private static let levels = ["-O0", "-O2", "-Os", "-O2 -fno-omit-frame-pointer"]

  @Test(arguments: compilers, levels)
  func `Large frames are found by name if the compiler does not probe`(compiler: Compiler, flags: String) throws {
    let frames = try frames(compiler, flags)
    #expect(Set(frames.compactMap(\.function)) == ["big", "huge", "late"])
    #expect(frames.allSatisfy { $0.size >= 65536 })
    let big = try #require(frames.first { $0.function == "big" })
    #expect(big.description.hasPrefix("big (at 0x\(String(big.address, radix: 16))) has a frame of \(big.size) bytes"))
  }

  @Test(arguments: compilers, levels)
  func `No large frames are found if the compiler probes`(compiler: Compiler, flags: String) throws {
    #expect(try frames(compiler, flags + " -fstack-clash-protection") == [])
  }

  @Test(arguments: compilers) func `Large frames are found without symbols, by their place`(compiler: Compiler) throws {
    let named = try frames(compiler, "-O2 -fvisibility=hidden")
    let stripped = try frames(compiler, "-O2 -fvisibility=hidden -s")
    #expect(stripped.map(\.address) == named.map(\.address) && stripped.map(\.size) == named.map(\.size))
    #expect(stripped.count == 3 && stripped.allSatisfy { $0.function == nil })
    #expect(stripped.first?.description.hasPrefix("the function at 0x") == true)
  }

  @Test(.enabled(if: ELF.Machine.host == .amd64))
  func `Large frames of x86-64 are told from similar instructions`() {
    let subtract: [UInt8] = [0x48, 0x81, 0xec, 0, 0, 1, 0]  // sub $0x10000, %rsp
    #expect(depth(subtract) == 65536)
    // The same bytes as a constant: movabs $0x…, %rax.
    #expect(depth([0x48, 0xb8] + subtract + [0, 0xc3]) == 0)
    // add $-0x10000, %rsp; lea -0x10000(%rsp), %rsp; mov $0x10000, %eax and sub %rax, %rsp.
    #expect(depth([0x48, 0x81, 0xc4, 0, 0, 0xff, 0xff]) == 65536)
    #expect(depth([0x48, 0x8d, 0xa4, 0x24, 0, 0, 0xff, 0xff]) == 65536)
    let constant: [UInt8] = [0xb8, 0, 0, 1, 0]
    let byRegister: [UInt8] = [0x48, 0x29, 0xc4]
    #expect(depth(constant + byRegister) == 65536)
    // A call in between has probed, or another value is in the register.
    #expect(depth(constant + [0xe8, 0, 0, 0, 0] + byRegister) == 0)
    #expect(depth(constant + [0x89, 0xc8] + byRegister) == 0)
    // Going up is no step down.
    #expect(depth([0x48, 0x81, 0xc4, 0, 0, 1, 0]) <= 0)
  }

  @Test func `Large frames are looked for in no byte beyond a file's end, whatever the file says`() throws {
    let compiler = try #require(Self.compilers.first)
    let whole = try library(compiler, "-O2")
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var bytes = whole
      for _ in 0..<8 { bytes[Int.random(in: 16..<bytes.count, using: &generator)] = .random(in: 0...255) }
      look(through: bytes, of: compiler)
      bytes.removeLast(.random(in: 1..<bytes.count - 64))
      look(through: bytes, of: compiler)
    }
  }

  private func depth(_ code: [UInt8]) -> Int64 { StackDepth.x86(code.span) }

  private func frames(_ compiler: Compiler, _ flags: String) throws -> [LargeFrame] {
    let bytes = try library(compiler, flags)
    return try LargeFrame.all(in: bytes.span, machine: compiler.machine)
  }

  /// Whatever comes of it: it must not trap.
  private func look(through bytes: [UInt8], of compiler: Compiler) {
    do { _ = try LargeFrame.all(in: bytes.span, machine: compiler.machine) } catch {}
  }

  private func library(_ compiler: Compiler, _ flags: String) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    let words = flags.split(separator: " ").map(String.init)
    let files = ["-o", "frames.so", try folder.write(Self.source, to: "frames.c")]
    try TestSupport.Compiler(compiler.command)
      .compile(words + ["-shared", "-fPIC", "-nostdlib"] + files, in: folder.url)
    return [UInt8](try Data(contentsOf: folder.url.appending(path: "frames.so")))
  }
}
