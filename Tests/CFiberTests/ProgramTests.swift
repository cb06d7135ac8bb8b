import CFiber
import Foundation
import TestSupport
import Testing

/// Whether this kernel guards stacks without a mapping for each (Linux 6.13 and later).
private let hasGuardMarkers: Bool = {
  var pool = cfiber_stack_pool()
  cfiber_stack_pool_init(&pool, 4096)
  guard let stack = cfiber_stack_acquire(&pool) else { return false }
  cfiber_stack_release(&pool, stack)
  let markers = !pool.guards_by_protection
  cfiber_stack_pool_destroy(&pool)
  return markers
}()

/// How many mappings this kernel allows a process.
private let mappingLimit: Int = {
  let text = try? String(contentsOfFile: "/proc/sys/vm/max_map_count", encoding: .utf8)
  return text.flatMap { Int($0.trimmingCharacters(in: .newlines)) } ?? .max
}()

/// Compiles a program of the folder `Programs` with the sources of CFiber.
func compiled(_ name: String, _ compiler: Compiler, _ options: [String] = []) throws -> CProgram {
  try CProgram(
    name, tests: "CFiberTests", library: "CFiber", compiler: compiler, options: ["-O1"], common: options)
}

/// The value of `key=` in a line of such pairs.
private func field(_ key: String, of line: String) -> String? {
  line.split(separator: " ").first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
}

@Suite struct `A guard` {
  @Test(arguments: ["marker", "protection"])
  func `A guard turns an overflow into SIGSEGV, in time for a handler to name the stack`(kind: String) throws {
    let ended = try compiled("overflow", #require(Compiler.all.first)).run([kind])
    #expect(ended.text == "overflow\n")
    #expect(ended.status == .signalled(SIGSEGV))
  }

  @Test func `A guard below a thread's own stack names an overflow too`() throws {
    let ended = try compiled("overflow", #require(Compiler.all.first)).run(["thread"])
    #expect(ended.text == "overflow of a thread\n")
    #expect(ended.status == .signalled(SIGSEGV))
  }
}

@Suite struct `A thread of pthread_create` {
  @Test func `A thread has a signal stack, whoever has made it, and gives it back however it ends`() throws {
    let ended = try compiled("threads", #require(Compiler.all.first)).run([])
    #expect(ended.text == "returns: freed\nexits: freed\nis cancelled: freed\n")
    #expect(ended.status == .exited(0))
  }
}

@Suite struct `A great many fibers` {
  @Test(.enabled(if: hasGuardMarkers, "the kernel has no guard markers"))
  func `A hundred thousand fibers live at once, on 4.5 KB each`() throws {
    let ended = try compiled("many", #require(Compiler.all.first)).run(["100000"])
    #expect(field("finished", of: ended.text) == "100000")
    #expect(field("destroyed", of: ended.text) == "0\n")
    let resident = try #require(field("resident", of: ended.text).flatMap { Int($0) })
    #expect(resident <= 4500)
  }

  @Test(.enabled(if: mappingLimit < 100_000, "vm.max_map_count was raised"))
  func `Many fibers meet a clean refusal where each guard costs a mapping, and end well`() throws {
    let ended = try compiled("many", #require(Compiler.all.first)).run(["100000", "protection"])
    #expect(ended.status == .exited(0))
    #expect(ended.text.contains("all=1 "))
    #expect(ended.text.contains("refusal=Cannot allocate memory destroyed=0"))
  }
}

@Suite struct `A debugger` {
  #if arch(x86_64)
    private static let framePointer = "rbp"
  #else
    private static let framePointer = "x29"
  #endif

  /// The commands that print the stack of a fiber which does not run.
  private static func show(_ fiber: String) -> [String] {
    [
      "echo == \(fiber)\\n", "set $sp = \(fiber).sp", "set $\(framePointer) = \(fiber).fp", "set $pc = \(fiber).pc",
      "backtrace",
    ]
  }

  @Test(.enabled(if: Places.tool("gdb") != nil, "gdb is not installed"))
  func `A debugger walks running, suspended and unstarted fibers to the bottom and no further`() throws {
    let gdb = try #require(Places.tool("gdb"))
    let commands = ["break stopped", "run", "backtrace"] + Self.show("suspended") + Self.show("unstarted")
    let ended = try compiled("stopped", #require(Compiler.all.first))
      .run(under: [gdb, "-nx", "-batch"] + commands.flatMap { ["-ex", $0] } + ["--args"])
    let frames = ended.text.split(separator: "\n").filter { $0.hasPrefix("#") || $0.hasPrefix("==") }
      .map { line in
        line.split(separator: " ").first { $0.first?.isLetter ?? false && $0 != "in" }.map(String.init) ?? "=="
      }
    #expect(
      frames == [
        "stopped", "running_inner", "running_entry", "cfiber_start",
        "suspended", "suspended_inner", "suspended_entry", "cfiber_start",
        "unstarted", "cfiber_start",
      ], "\(ended.text)")
  }
}

@Suite struct `A backtrace` {
  @Test func `A backtrace names the callers on a suspended fiber, and on a thread that computes and can be asked`()
    throws
  {
    for compiler in Compiler.all {
      let ended = try compiled("backtraces", compiler).run()
      #expect(
        ended.text.split(separator: "\n") == [
          "suspended: inner outer entry", "bounded: 2", "ended: yes", "computing: compute work",
          "deaf: Connection timed out", "computing after that: compute work", "gone: No such process",
        ], "\(compiler.command)")
    }
  }
}

@Suite struct `A memory checker` {
  private static let sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
  private static let environment = ["ASAN_OPTIONS": "detect_stack_use_after_return=1"]

  @Test(arguments: ["churn", "registers", "holds", "backtraces"])
  func `AddressSanitizer finds nothing in fibers that do nothing wrong`(program: String) throws {
    for compiler in Compiler.all {
      let ended = try compiled(program, compiler, Self.sanitizers)
        .run(environment: Self.environment)
      #expect(ended.status == .exited(0), "\(compiler.command): \(ended.text)")
    }
  }

  @Test func `AddressSanitizer finds a read past an array on a fiber's stack`() throws {
    for compiler in Compiler.all {
      let ended = try compiled("churn", compiler, ["-fsanitize=address"])
        .run(["overrun"], environment: Self.environment)
      #expect(ended.status != .exited(0))
      #expect(ended.text.contains("stack-buffer-overflow"), "\(compiler.command): \(ended.text)")
    }
  }

  @Test(.enabled(if: Places.tool("valgrind") != nil, "valgrind is not installed"))
  func `Valgrind finds nothing in fibers that do nothing wrong`() throws {
    let valgrind = try #require(Places.tool("valgrind"))
    let ended = try compiled("churn", #require(Compiler.gcc ?? Compiler.clang), ["-DCFIBER_VALGRIND"])
      .run(under: [valgrind, "-q", "--error-exitcode=3"])
    #expect(ended.text == "total=24000 destroyed=0\n")
    #expect(ended.status == .exited(0))
  }
}

@Suite struct `An arm64 processor` {
  @Test(
    .enabled(
      if: Compiler.arm64 != nil && Places.arm64Emulator != nil,
      "gcc-aarch64-linux-gnu or qemu-user is not installed"),
    arguments: [
      ("registers", "kept\n"), ("churn", "total=24000 destroyed=0\n"),
      ("backtraces fiber", "suspended: inner outer entry\nbounded: 2\nended: yes\n"),
    ])
  func `An arm64 processor runs fibers, under emulation`(command: String, output: String) throws {
    let compiler = try #require(Compiler.arm64)
    let emulator = try #require(Places.arm64Emulator)
    let words = command.split(separator: " ").map(String.init)
    let ended = try compiled(words[0], compiler, ["-static"])
      .run(Array(words.dropFirst()), under: [emulator])
    #expect(ended.text == output)
    #expect(ended.status == .exited(0))
  }
}
