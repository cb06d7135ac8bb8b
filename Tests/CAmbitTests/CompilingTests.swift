import TestSupport
import Testing

@Suite struct `Compiling ambit.h` {
  @Test(arguments: Dialect.all)
  func `The header gives no warning in two units of one program, which runs`(compiler: Dialect) throws {
    let folder = try TemporaryFolder()
    let units = ["first_unit.c", "second_unit.c"].map(Sources.program)
    try compiler.compile(units + ["-o", "program"], in: folder)
    let result = try run(folder.path(of: "program"), [])
    #expect(result.text == "PUT disconnect\n")
  }

  @Test(arguments: Dialect.all)
  func `The header gives no warning if nothing of it is used`(compiler: Dialect) throws {
    let folder = try TemporaryFolder()
    let source = try folder.write("#include \"ambit.h\"\nextern int unit;\n", to: "unit.c")
    try compiler.compile(["-c", source], in: folder)
    try compiler.compile(["-c", "-DAMBIT_NO_STDIO", source], in: folder)
  }

  /// Empty headers take the place of the system's, so that only headers that ambit.h names itself are found.
  @Test(arguments: Dialect.all)
  func `The header without stdio includes stdbool, stddef and stdint only`(compiler: Dialect) throws {
    let folder = try TemporaryFolder()
    for name in ["stdbool.h", "stddef.h", "stdint.h", "stdarg.h", "stdio.h"] {
      _ = try folder.write("", to: name)
    }
    let source = try folder.write("#include \"ambit.h\"\n", to: "unit.c")
    #expect(try included(["-DAMBIT_NO_STDIO"], source, compiler, folder) == ["stdbool.h", "stddef.h", "stdint.h"])
    #expect(try included([], source, compiler, folder).contains("stdio.h"))
  }

  private func included(
    _ definitions: [String], _ source: String, _ compiler: Dialect, _ folder: TemporaryFolder
  ) throws -> [String] {
    let rule = try compiler.compile(["-M", "-nostdinc", "-I", "."] + definitions + [source], in: folder)
    return rule.split { $0.isWhitespace || $0 == "\\" }
      .filter { $0.hasSuffix(".h") && !$0.hasSuffix("/ambit.h") && !$0.hasSuffix("stdc-predef.h") }
      .map { String($0.split(separator: "/").last ?? $0) }.sorted()
  }

  @Test func `The header gives the same layout on arm64`() throws {
    let clang = Dialect(command: "clang", language: "c", standard: "gnu17")
    try clang.compile(
      [
        "--target=aarch64-linux-gnu", "-ffreestanding", "-DAMBIT_NO_STDIO", "-fsyntax-only",
        Sources.ofTarget("abi_layout.c"),
      ], in: TemporaryFolder())
  }

  @Test func `The compilation fails if an entry of the table has moved`() throws {
    let folder = try TemporaryFolder()
    let moved = try HeaderText().text
      .replacing("  ambit_status (*yield)(ambit_scope *scope);\n", with: "")
      .replacing("  int64_t (*now)(", with: "  ambit_status (*yield)(ambit_scope *scope);\n  int64_t (*now)(")
    _ = try folder.write(moved, to: "ambit.h")
    guard let clang = Places.tool("clang") else { try Test.cancel("no clang in PATH") }
    let result = try run(
      clang, ["-I", ".", "-fsyntax-only", Sources.ofTarget("abi_layout.c")], in: folder.url, mergesErrors: true)
    #expect(result.status != .exited(0))
    #expect(result.text.contains("ambit_api.yield has moved"))
  }
}
