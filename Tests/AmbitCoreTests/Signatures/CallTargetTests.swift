import AmbitCore
import Testing

@Suite("Call target") struct CallTargetTests {
  @Test func `A call target has a library, a symbol and a signature`() throws {
    let target = try CallTarget(parsing: "libm.so.6: f64 cos(f64 x)")
    #expect(target.provider == .shared("libm.so.6"))
    #expect(target.symbol == "cos")
    #expect(target.signature == (try CSignature(parsing: "f64 (f64 x)")))
  }

  @Test(arguments: [
    ("libm.so.6: f64 f()", CallProvider.shared("libm.so.6")), ("typed: f64 f()", .plugin("typed")),
    ("./a: f64 f()", .shared("./a")), ("/opt/a b:c/d.so: f64 f()", .shared("/opt/a b:c/d.so")),
    ("a-b_1: f64 f()", .plugin("a-b_1")), ("libX: f64 f()", .shared("libX")),
    ("  libm.so.6 : f64 f()", .shared("libm.so.6")),
  ])
  func `A call target tells plugins from libraries`(text: String, provider: CallProvider) throws {
    #expect(try CallTarget(parsing: text).provider == provider)
  }

  @Test(arguments: [
    "libm.so.6: f64 frexp(f64 x, out i32 exponent)", "typed: str free greeting(str name)",
    "libc.so.6: i32 errno gethostname(buffer(256) name, size len(name))", "libc.so.6: void free(ptr null)",
    "libc.so.6: i32 errno()", "./libown.so: status _Z3runPKc(str text)",
  ])
  func `A call target is written as it was read`(text: String) throws {
    let target = try CallTarget(parsing: text)
    #expect(target.description == text)
    #expect(try CallTarget(parsing: target.description) == target)
  }

  @Test(arguments: [
    ("", "1:1: expected `LIBRARY:` before the return type"),
    ("f64 cos(f64 x)", "1:1: expected `LIBRARY:` before the return type"),
    (": f64 cos(f64 x)", "1:1: expected a library before the colon"),
    (
      "f64 libm.so.6: cos(f64 x)",
      "1:1: expected a path, a library's name or a plugin's name, found `f64 libm.so.6`"
    ),
    ("libm.so.6: cos(f64 x)", "1:12: expected a return type before `cos`"),
    ("libm.so.6: (f64 x)", "1:12: expected a return type, found `(`"),
    ("libm.so.6: f64 (f64 x)", "1:16: expected the function's name after its return type, found `(`"),
    ("libm.so.6: f46 cos(f64 x)", "1:12: unknown type `f46`; did you mean `f64`?"),
    ("libm.so.6: f64 cos(f46 x)", "1:20: unknown type `f46`; did you mean `f64`?"),
    ("libm.so.6: f64 cos(f64 x", "1:25: expected `,` or `)` after the parameter, found the end"),
    ("libm.so.6: f64 cos", "1:19: expected `(` after the function's name, found the end"),
  ])
  func `A malformed call target is refused with the place and the reason`(text: String, message: String) {
    let error = #expect(throws: SignatureError.self) { try CallTarget(parsing: text) }
    #expect(error?.description == message)
  }
}
