import Foundation
import TestSupport
import Testing

/// A program that crashes, in every build.
@Suite struct `The line of a crash` {
  /// Options for the program, whose code then has unwind information or frame pointers or both.
  static let kinds = [
    "-O0", "-O2", "-O2 -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-omit-frame-pointer",
  ]
  static let builds = Compiler.all.flatMap { compiler in kinds.map { (compiler, $0) } }

  @Test(arguments: builds) func `The line of a crash names the callers up to the thread's beginning`(
    compiler: Compiler, kind: String
  )
    throws
  {
    let program = try program(compiler, words(kind))
    for (how, status, callees) in [
      ("write", SIGSEGV, 0), ("call", SIGSEGV, 1), ("call-elsewhere", SIGSEGV, 1), ("raise", SIGFPE, 2),
      ("abort", SIGABRT, 3),
    ] {
      let run = try program.run([how])
      #expect(run.status == .signalled(status), "\(run.text)")
      try expectCallers(run.text, behind: callees)
    }
  }

  @Test(
    .enabled(
      if: Compiler.arm64 != nil && Places.arm64Emulator != nil,
      "gcc-aarch64-linux-gnu or qemu-user is not installed"),
    arguments: kinds)
  func `The line of a crash names the callers on arm64, under emulation`(kind: String) throws {
    let program = try program(#require(Compiler.arm64), words(kind), common: ["-static"])
    for (how, callees) in [("write", 0), ("call", 1), ("call-elsewhere", 1)] {
      let run = try program.run([how], under: [#require(Places.arm64Emulator)])
      try expectCallers(run.text, behind: callees)
    }
  }

  @Test func `The line of a crash comes before the work of a handler that was installed later`() throws {
    let lines = try run("rival").split(separator: "\n")
    let line = try #require(lines.firstIndex { $0.contains("SIGSEGV at address 0x0") })
    #expect(lines.firstIndex(of: "passed on").map { $0 > line } == true)
    let returned = try #require(lines.firstIndex(of: "passed on"))
    #expect(lines.contains("rivals=1") && lines[..<returned].count { $0.contains("WARNING SIGSEGV") } == 1)
    #expect(lines[returned...].count { $0.contains("CRITICAL SIGSEGV") } == 1, "the handler has handed it back")
  }

  @Test func `The line of a crash comes also if other code has reset the signal`() throws {
    #expect(try run("reset").contains(" CRITICAL SIGSEGV at address 0x0"))
  }

  @Test func `The line of a crash comes in the end if a handler returns to the fault for ever`() throws {
    let lines = try run("vain").split(separator: "\n")
    #expect(lines.count { $0.contains(" WARNING SIGSEGV") } == 8)
    #expect(lines.last?.contains(" CRITICAL SIGSEGV") == true)
  }

  @Test func `The line of a crash comes, on any thread, after a handler has left faults behind by siglongjmp`() throws {
    let lines = try run("leap").split(separator: "\n")
    #expect(lines.count { $0 == "leapt" } == 3, "\(lines)")
    // Each fault, but the last one, is left to the handler; the last one is handed back.
    #expect(lines.count { $0.contains(" WARNING SIGSEGV") } == 4, "\(lines)")
    #expect(lines.count { $0.contains(" CRITICAL SIGSEGV") } == 1 && lines.last?.contains(" CRITICAL ") == true)
  }

  /// The output of the program, which ends by SIGSEGV.
  private func run(_ how: String) throws -> String {
    let run = try program(#require(Compiler.all.first)).run([how])
    #expect(run.status == .signalled(SIGSEGV), "\(run.text)")
    return run.text
  }

  private func program(
    _ compiler: Compiler, _ options: [String] = [], common: [String] = []
  ) throws -> CProgram {
    try CProgram(
      "crashes", tests: "CCrashTests", library: "CCrash", compiler: compiler, options: options, common: common)
  }

  private func words(_ options: String) -> [String] { options.split(separator: " ").map(String.init) }

  /// No function of the program has more bytes.
  private static let longest: UInt64 = 400

  /// The stack has a place in `crash` behind `callees` frames, then one in `caller`, then others. Places in the program
  /// are offsets from its address in memory, which the test computes from their distance.
  private func expectCallers(_ output: String, behind callees: Int) throws {
    let addresses = try #require(output.firstMatch(of: /crash=0x([0-9a-f]+) caller=0x([0-9a-f]+)/), "\(output)")
    let (crash, caller) = (UInt64(addresses.1, radix: 16)!, UInt64(addresses.2, radix: 16)!)
    let stack = try #require(output.firstMatch(of: /stack="(.*)"/)?.1, "\(output)")
    let places = stack.matches(of: /#\d+ (?:0x([0-9a-f]+)|\S+)/).map { $0.1.flatMap { UInt64($0, radix: 16) } }
    try #require(places.count > callees + 2, "\(stack)")
    let found = try (#require(places[callees]), #require(places[callees + 1]))
    let bias = (crash &+ Self.longest &- found.0) & ~4095
    let isNear = [(found.0, crash), (found.1, caller)].allSatisfy { place, function in
      (function..<function + Self.longest).contains(place &+ bias)
    }
    #expect(isNear, "\(output)")
  }
}
