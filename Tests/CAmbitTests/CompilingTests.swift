import Testing

@Suite struct `Compiling ambit.h` {
  @Test(arguments: Compiler.all)
  func `gives no warning in two units of one program, which runs`(compiler: Compiler) throws {
    let directory = try TemporaryDirectory()
    let units = ["first_unit.c", "second_unit.c"].map(Sources.program)
    try compiler.compile(units + ["-o", "program"], in: directory)
    let result = try Command.run(directory.path("program"), in: directory)
    #expect(result.output == "PUT disconnect\n")
  }

  @Test(arguments: Compiler.all)
  func `gives no warning where nothing of it is used`(compiler: Compiler) throws {
    let directory = try TemporaryDirectory()
    let source = try directory.write("#include \"ambit.h\"\nextern int unit;\n", as: "unit.c")
    try compiler.compile(["-c", source], in: directory)
    try compiler.compile(["-c", "-DAMBIT_NO_STDIO", source], in: directory)
  }

  /// Asked for with fresh, empty headers in place of the system's, so that only what it names itself can be found.
  @Test(arguments: Compiler.all)
  func `without stdio includes stdbool, stddef and stdint only`(compiler: Compiler) throws {
    let directory = try TemporaryDirectory()
    for name in ["stdbool.h", "stddef.h", "stdint.h", "stdarg.h", "stdio.h"] {
      _ = try directory.write("", as: name)
    }
    let source = try directory.write("#include \"ambit.h\"\n", as: "unit.c")
    #expect(try included(["-DAMBIT_NO_STDIO"], source, compiler, directory) == ["stdbool.h", "stddef.h", "stdint.h"])
    #expect(try included([], source, compiler, directory).contains("stdio.h"))
  }

  private func included(
    _ definitions: [String], _ source: String, _ compiler: Compiler, _ directory: TemporaryDirectory
  ) throws -> [String] {
    let rule = try compiler.compile(["-M", "-nostdinc", "-I", "."] + definitions + [source], in: directory)
    return rule.split { $0.isWhitespace || $0 == "\\" }
      .filter { $0.hasSuffix(".h") && !$0.hasSuffix("/ambit.h") && !$0.hasSuffix("stdc-predef.h") }
      .map { String($0.split(separator: "/").last ?? $0) }.sorted()
  }

  @Test func `gives the same layout on arm64`() throws {
    let clang = Compiler(command: "clang", language: "c", standard: "gnu17")
    try clang.compile(
      [
        "--target=aarch64-linux-gnu", "-ffreestanding", "-DAMBIT_NO_STDIO", "-fsyntax-only",
        Sources.ofTarget("abi_layout.c"),
      ], in: TemporaryDirectory())
  }

  @Test func `fails where an entry of the table has moved`() throws {
    let directory = try TemporaryDirectory()
    let moved = try HeaderText().text
      .replacing("  ambit_status (*yield)(ambit_scope *scope);\n", with: "")
      .replacing("  int64_t (*now)(", with: "  ambit_status (*yield)(ambit_scope *scope);\n  int64_t (*now)(")
    _ = try directory.write(moved, as: "ambit.h")
    guard let clang = Command.find("clang") else { try Test.cancel("no clang in PATH") }
    let result = try Command.run(
      clang, ["-I", ".", "-fsyntax-only", Sources.ofTarget("abi_layout.c")], in: directory)
    #expect(result.status != 0)
    #expect(result.output.contains("ambit_api.yield has moved"))
  }
}
