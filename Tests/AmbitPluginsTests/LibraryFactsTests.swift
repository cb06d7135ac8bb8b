import AmbitCore
import AmbitPlugins
import Foundation
import TestSupport
import Testing

@Suite struct `Facts of a library` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func facts(_ source: String, _ flags: [String] = [], language: String = "c") throws -> LibraryFacts {
    let path = try folder.write(source, to: "library.\(language)")
    let library = "\(folder.path)/library.so"
    let file = try FixtureLibrary.compile(
      ["-shared"] + flags + [path], to: library, with: language == "c" ? "cc" : "c++")
    return try PluginContent.settled(file).facts()
  }

  @Test func `The facts of a library are its build, its size and the libraries it is linked with`() throws {
    let id = "0123456789abcdef0123456789abcdef01234567"
    let facts = try facts(
      "double f(double x); double cos(double); double f(double x) { return cos(x); }",
      ["-Wl,--build-id=0x\(id)", "-Wl,--no-as-needed", "-lm"])
    #expect(facts.buildID == id)
    #expect(facts.needed.contains { $0.hasPrefix("libm.so") })
    #expect(facts.machine == .host)
    #expect(facts.size > 1000)
    #expect(facts.unloadObstacles.isEmpty)
    #expect(!facts.usesSwift && !facts.isExecutable && facts.staticTLSSize == 0 && !facts.usesGo)
  }

  /// The facts of a library that uses functions of other libraries.
  private func facts(using symbols: String...) throws -> LibraryFacts {
    let functions = symbols.enumerated().map { "void f\($0)(void) __asm__(\"\($1)\");" }
    let list = symbols.indices.map { "f\($0)" }.joined(separator: ", ")
    return try facts("\(functions.joined()) void (*used[])(void) = {\(list)};")
  }

  @Test func `The facts of a library tell whether it sets task-local values, optimised or not`() throws {
    #expect(try facts(using: "swift_task_localValuePush").setsTaskLocals)
    #expect(try facts(using: "$ss9TaskLocalC9withValue_9operation4file4lineqd__x_qd__yKXESSSutKlF").setsTaskLocals)
    #expect(try !facts(using: "$ss9TaskLocalC3getxyF").setsTaskLocals)
  }

  @Test func `The facts of a library tell whether it needs a run loop that nobody runs`() throws {
    let (main, run) = ("$s10Foundation7RunLoopC4mainACvgZ", "$s10Foundation7RunLoopC3runyyF")
    let timer = "$s10Foundation5TimerC09scheduledB016withTimeInterval7repeats5blockACSd_SbyACYbctFZ"
    #expect(try facts(using: main, run).needsRunLoop && facts(using: timer).needsRunLoop)
    #expect(try !facts(using: timer, run).needsRunLoop)
    #expect(try !facts(using: "$s10Foundation7RunLoopC7currentACvgZ").needsRunLoop)
    #expect(try facts(using: main).warnings(entry: "used").contains(.runLoop))
  }

  @Test func `The facts of a library have no build ID if the linker gave none`() throws {
    #expect(try facts("int f;", ["-Wl,--build-id=none"]).buildID == nil)
  }

  @Test func `The facts of a library list what it exports beside its entry`() throws {
    let source = "int ambit_plugin_entry; int second; void first(void) {} static int own;"
    let facts = try facts(source + " int *g(void) { return &own; }")
    #expect(facts.exports == ["ambit_plugin_entry", "first", "g", "second"])
    #expect(facts.warnings(entry: "ambit_plugin_entry") == [.exports(["first", "g", "second"])])
    let text = LibraryWarning.exports(["a", "b", "c", "d", "e", "f"]).description
    #expect(text.contains("(a, b, c, d, e and 1 more)"))
  }

  @Test func `The facts of a library list nothing that is hidden`() throws {
    #expect(try facts("int f;", ["-fvisibility=hidden"]).warnings(entry: "").isEmpty)
  }

  @Test func `The facts of a library count constructors`() throws {
    let constructor = "__attribute__((constructor)) static void"
    let facts = try facts("\(constructor) a(void) {} \(constructor) b(void) {}")
    #expect(facts.warnings(entry: "") == [.constructors(2)])
    #expect(LibraryWarning.constructors(1).description == "1 constructor runs while it is loaded")
  }

  @Test func `The facts of a library name thread-local storage of the static kind`() throws {
    let source = "static __thread int own; int *f(void) { return &own; }"
    let facts = try facts(source, ["-ftls-model=initial-exec"])
    #expect(facts.staticTLSSize == 4)
    #expect(facts.warnings(entry: "f") == [.staticTLS(4)])
    #expect(!LibraryWarning.staticTLS(4).description.contains("compile it"))
    #expect(LibraryWarning.staticTLS(65).description.contains("; compile it with -fPIC and without"))
    #expect(try self.facts(source).staticTLSSize == 0)
  }

  @Test(
    arguments: [
      (nil, 1664), ("", 1664), ("glibc.rtld.optional_static_tls=16384", 17_536),
      ("glibc.malloc.check=1:glibc.rtld.optional_static_tls=0", 1152), ("glibc.rtld.optional_static_tls=x", 1664),
    ] as [(String?, Int)])
  func `The room for static thread-local storage follows the loader's tunable`(tunables: String?, room: Int) {
    #expect(StaticTLS.room(tunables: tunables) == room)
  }

  @Test func `The facts of a library name the reason why a C library cannot be unloaded`() throws {
    #expect(try facts("int f;", ["-Wl,-z,nodelete"]).unloadObstacles == [.noDelete])
    let keys = "#include <pthread.h>\npthread_key_t k; int f(void) { return pthread_key_create(&k, 0); }"
    #expect(try facts(keys).unloadObstacles == [.threadKeys("pthread_key_create")])
    let note = """
      __asm__(".section .note.go.buildid, \\"a\\", %note\\n.long 4, 4, 4\\n.asciz \\"Go\\"\\n.byte 0\\n.long 7\\n.text\\n");
      """
    #expect(try facts(note).unloadObstacles == [.go])
    #expect(try facts(note).warnings(entry: "") == [.go])
    #expect(try facts("__attribute__((section(\"swift5_types\"))) int type;").unloadObstacles == [.swift])
  }

  @Test func `The facts of a library name the reason why a C++ library cannot be unloaded`() throws {
    let destructor = "struct S { int n = 1; ~S(); }; S::~S() {} thread_local S own; int *f() { return &own.n; }"
    let local = try facts(destructor, language: "cpp").unloadObstacles
    #expect(local == [.threadLocalDestructors("__cxa_thread_atexit")])
    let unique = "template <class T> struct S { static inline int n = 0; }; int *f() { return &S<int>::n; }"
    #expect(try facts(unique, ["-fgnu-unique"], language: "cpp").unloadObstacles == [.uniqueSymbol("_ZN1SIiE1nE")])
  }

  @Test func `The facts of a library are unknown without the section table`() throws {
    var bytes = try library("int f;")
    bytes.replaceSubrange(40..<48, with: repeatElement(0, count: 8))
    bytes.replaceSubrange(60..<64, with: repeatElement(0, count: 4))
    #expect(try LibraryFacts(of: bytes.span).unloadObstacles == [.unknown])
  }

  @Test func `A damaged library is read or refused, wherever bytes were changed`() throws {
    let whole = try library("#include <stdio.h>\n__thread int own; int f(void) { puts(\"f\"); return own; }")
    var random = SystemRandomNumberGenerator()
    var refusals = 0
    for _ in 0..<2000 {
      var bytes = whole
      for end in [1024, 1024, 1024, bytes.count, bytes.count] {
        bytes[Int.random(in: 16..<end, using: &random)] = .random(in: 0...255, using: &random)
      }
      if (try? LibraryFacts(of: bytes.span)) == nil { refusals += 1 }
    }
    #expect(refusals > 0)
  }

  private func library(_ source: String) throws -> [UInt8] {
    let file = try FixtureLibrary.build(source, as: "library", in: folder)
    return try Array(Data(contentsOf: URL(fileURLWithPath: file.path)))
  }
}
