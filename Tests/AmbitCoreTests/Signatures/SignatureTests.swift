import AmbitCore
import Testing

private let noDefault =
  "a default value is for a parameter that the request may leave out, such as `i32 limit = 20`; "
private let forBytes =
  "write `bytes` and another parameter for their length, or `buffer(N)` for room that the function fills"

@Suite("Signature") struct SignatureTests {
  @Test func `A signature has types, sources and a result`() throws {
    let signature = try CSignature(parsing: "f64 (f64 x, out i32 exponent, size len(text), str text, scope)")
    #expect(signature.result.type == .f64)
    #expect(signature.parameters.map(\.type) == [.f64, .ptr, .size, .str, .scope])
    #expect(
      signature.parameters.map(\.source) == [
        .named("x"), .out(.i32, "exponent"), .length(of: "text"), .named("text"), .scope,
      ])
  }

  @Test func `A signature has constants in the types of their parameters`() throws {
    let text = #"void (i8 -128, u64 18446744073709551615, f32 1.5, bool true, str "a\"b\\\n", ptr null, str null)"#
    #expect(
      try CSignature(parsing: text).parameters.map(\.source) == [
        .constant(.scalar(0x80)), .constant(.scalar(.max)), .constant(.scalar(0x3FC0_0000)), .constant(.scalar(1)),
        .constant(.text("a\"b\\\n")), .constant(.null), .constant(.null),
      ])
  }

  @Test(arguments: [
    "void ()", "i32 (i32 a)", "i32 errno (buffer(64) name, size len(name))", "status (str path)", "str free (str a)",
    "f64 (f64 0.1, f64 -1e+300, f32 16777216.0, i64 -9223372036854775808)", "u32 (u32 0, bytes body, u32 len(body))",
    #"bool (str "a\"\\\n\r\tö", ptr null, bytes "", bool false)"#, "i64 (scope, i64 ms)", "void (out str rest)",
    "i8 (i64 len, str buffer, i32 out, u8 free, u16 status)", "i32 (i64 i64, size size)",
    #"i32 (i32 limit = 20, str q = "a\"b", bool b = true, f64 x = 0.5, str n = null, i8 low = -128)"#,
    #"i32 (bytes data = "", size len(data), str body, f64 top = inf)"#,
  ])
  func `A signature is written as it was read`(text: String) throws {
    #expect(try CSignature(parsing: text).description == text)
  }

  @Test(arguments: [
    ("  i32\t(\n i32  a ,f64 b ) ", "i32 (i32 a, f64 b)"), ("i32(i32 a)", "i32 (i32 a)"),
    ("i64 (scope s, i64 ms)", "i64 (scope, i64 ms)"), ("void (bool 1)", "void (bool true)"),
    ("void (f64 100e-2)", "void (f64 1.0)"), ("void (bool b=1,f32 x =\n2)", "void (bool b = true, f32 x = 2.0)"),
  ])
  func `A signature has one canonical form`(text: String, canonical: String) throws {
    #expect(try CSignature(parsing: text).description == canonical)
    #expect(try CSignature(parsing: canonical) == CSignature(parsing: text))
  }

  @Test(arguments: [
    ("", "1:1: expected a return type, found the end"),
    ("(i32 a)", "1:1: expected a return type, found `(`"),
    ("f46 (f64 x)", "1:1: unknown type `f46`; did you mean `f64`?"),
    ("f64 (f46 x)", "1:6: unknown type `f46`; did you mean `f64`?"),
    (
      "decimal (f64 x)",
      "1:1: unknown type `decimal`; the types are "
        + "void bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 size str bytes ptr scope"
    ),
    ("statsu (i32 a)", "1:1: unknown type `statsu`; did you mean `status`?"),
    ("i32 (bufer(3) a)", "1:6: unknown type `bufer`; did you mean `buffer`?"),
    ("i32", "1:4: expected `(` after the return type, found the end"),
    ("i32 sum (i32 a)", "1:5: expected `free`, `errno` or `(`, found `sum`"),
    ("status errno ()", "1:8: expected `(`, found `errno`"),
    ("str free now ()", "1:10: expected `(`, found `now`"),
    ("i32 free ()", "1:5: expected `str` before `free`, found `i32`"),
    ("u32 errno ()", "1:5: expected `i8`, `i16`, `i32` or `i64` before `errno`, found `u32`"),
    ("ptr ()", "1:1: expected a return type that can be reported, found `ptr`; use `str` for text"),
    ("bytes ()", "1:1: expected a return type that can be reported, found `bytes`; use `str` for text"),
    ("scope ()", "1:1: expected a return type, found `scope`, which is a parameter type only"),
    ("i32 (", "1:6: expected a parameter's type, found the end"),
    ("i32 (i32 a", "1:11: expected `,` or `)` after the parameter, found the end"),
    ("i32 (i32 a b)", "1:12: expected `,` or `)` after the parameter, found `b`"),
    ("i32 (i32 a,)", "1:12: expected a parameter's type, found `)`"),
    ("i32 (i32 a) x", "1:13: expected the end of the text after `)`, found `x`"),
    ("i32 (i32)", "1:9: expected a name or a value after `i32`, found `)`"),
    ("i32 (i32 a, i32 a)", "1:17: expected each name once, found `a` a second time"),
    ("i32 (i32 a, out i32 a)", "1:21: expected each name once, found `a` a second time"),
    ("i32 (void)", "1:6: `void` is a return type only; without parameters write `()`"),
    ("i32 (ptr p)", "1:10: expected `null` for `ptr`, found `p`"),
    ("i32 (ptr 5)", "1:10: expected `null` for `ptr`, found `5`"),
    ("i32 (i8 128)", "1:9: expected i8 (-128 to 127), found `128`"),
    ("i32 (u8 -1)", "1:9: expected u8 (0 to 255), found `-1`"),
    ("i32 (i32 0x10)", "1:10: expected i32 (-2147483648 to 2147483647), found `0x10`"),
    ("i32 (i32 1.0)", "1:10: expected i32 (-2147483648 to 2147483647), found `1.0`"),
    ("i32 (i32 true)", "1:10: expected i32 (-2147483648 to 2147483647), found `true`"),
    ("i32 (bool 2)", "1:11: expected bool (true, false, 1 or 0), found `2`"),
    ("i32 (bool null)", "1:11: expected bool (true, false, 1 or 0), found `null`"),
    ("i32 (str 5)", "1:10: expected text in double quotes, `null` or a name for `str`, found `5`"),
    (#"i32 (i32 "5")"#, "1:10: expected i32 (-2147483648 to 2147483647), found text in quotes"),
    (#"i32 (str "abc)"#, #"1:10: expected `"` at the end of the text"#),
    (#"i32 (str "a\x")"#, #"1:12: expected `\"`, `\\`, `\n`, `\r` or `\t`"#),
    ("i32 (i32 body)", "1:10: expected `bytes` or `str` for the body, found `i32`"),
    ("i32 (bytes body)", "1:6: expected another parameter `size len(body)`: the function needs the number of bytes"),
    (
      "i32 (bytes b, size len(c))",
      "1:15: `len` takes `body` or a parameter that is text, bytes or a buffer; `c` is neither"
    ),
    (
      "i32 (str text, size len(texd))",
      "1:16: `len` takes `body` or a parameter that is text, bytes or a buffer; `texd` is neither; "
        + "did you mean `text`?"
    ),
    ("i32 (bytes b)", "1:6: expected another parameter `size len(b)`: the function needs the number of bytes"),
    ("i32 (f64 len(body))", "1:10: expected an integer type for the length, found `f64`"),
    ("i32 (size len())", "1:15: expected `body` or a parameter's name, found `)`"),
    ("i32 (size len(a)", "1:17: expected `,` or `)` after the parameter, found the end"),
    ("i32 (out i32)", "1:13: expected the name to report it under, found `)`"),
    ("i32 (out)", "1:9: expected the variable's type after `out`, found `)`"),
    ("i32 (out ptr p)", "1:10: expected a number type, `bool` or `str` after `out`, found `ptr`"),
    ("i32 (out i32 result)", "1:14: expected another name: `result` is what the function returns"),
    ("i32 (buffer a)", "1:13: expected `(` and the number of bytes after `buffer`, found `a`"),
    ("i32 (buffer(0) a)", "1:13: expected a number of bytes from 1 to 1048576, found `0`"),
    ("i32 (buffer(1048577) a)", "1:13: expected a number of bytes from 1 to 1048576, found `1048577`"),
    ("i32 (buffer(-1) a)", "1:13: expected a number of bytes from 1 to 1048576, found `-1`"),
    ("i32 (buffer(8)", "1:15: expected the name to report it under, found the end"),
    ("i32 (buffer(300) b, u8 len(b))", "1:21: expected u8 (0 to 255), found the length 300 of `b`"),
    ("i32 (buffer(1048576) a, buffer(1) b)", "1:25: expected at most 1048576 bytes in all buffers"),
    ("i32\n(i32 ä)", "2:6: expected a name or a value after `i32`, found `ä`"),
    ("i32 (str \"ä\", f46 x)", "1:15: unknown type `f46`; did you mean `f64`?"),
    ("i32 (\u{7}", #"1:6: expected a parameter's type, found `\u{07}`"#),
  ])
  func `A malformed signature is refused with the place and the reason`(text: String, message: String) {
    let error = #expect(throws: SignatureError.self) { try CSignature(parsing: text) }
    #expect(error?.description == message)
  }

  @Test func `A parameter may have a default value in its type`() throws {
    let signature = try CSignature(parsing: #"void (i32 a = -1, str b = "x", bytes c = null, size len(c), u8 d)"#)
    #expect(
      signature.parameters.map(\.defaultValue) == [.scalar(0xFFFF_FFFF), .text("x"), .null, nil, nil])
    #expect(signature.parameters.compactMap(\.name) == ["a", "b", "c", "d"])
  }

  @Test(arguments: [
    ("i32 (u8 a = 256)", "1:13: expected u8 (0 to 255), found `256`"),
    ("i32 (i32 a = 1.5)", "1:14: expected i32 (-2147483648 to 2147483647), found `1.5`"),
    ("i32 (i32 a = b)", "1:14: expected i32 (-2147483648 to 2147483647), found `b`"),
    ("i32 (i32 a = null)", "1:14: expected i32 (-2147483648 to 2147483647), found `null`"),
    (#"i32 (i32 a = "5")"#, "1:14: expected i32 (-2147483648 to 2147483647), found text in quotes"),
    ("i32 (bool a = yes)", "1:15: expected bool (true, false, 1 or 0), found `yes`"),
    ("i32 (str a = b)", "1:14: expected text in double quotes or `null` after `=`, found `b`"),
    ("i32 (str a = 5)", "1:14: expected text in double quotes or `null` after `=`, found `5`"),
    ("i32 (str a = 'b')", "1:14: expected text in double quotes or `null` after `=`, found `'`"),
    ("i32 (i32 a = )", "1:14: expected a default value after `=`, found `)`"),
    ("i32 (i32 a =", "1:13: expected a default value after `=`, found the end"),
    ("i32 (i32 a = 1 2)", "1:16: expected `,` or `)` after the parameter, found `2`"),
    ("i32 (out i32 a = 1)", "1:16: \(noDefault)`out i32 a` is none"),
    ("i32 (buffer(8) a = 1)", "1:18: \(noDefault)`buffer(8) a` is none"),
    ("i32 (str body = 1)", "1:15: \(noDefault)`str body` is none"),
    ("i32 (str a, size len(a) = 1)", "1:25: \(noDefault)`size len(a)` is none"),
    ("i32 (scope s = 1)", "1:14: \(noDefault)`scope` is none"),
    ("i32 (i32 5 = 1)", "1:12: \(noDefault)`i32 5` is none"),
    ("i32 (i32 a = 1 = 2)", "1:16: \(noDefault)`i32 a = 1` is none"),
  ])
  func `A default value that does not fit, or has no place, is refused with the reason`(text: String, message: String) {
    let error = #expect(throws: SignatureError.self) { try CSignature(parsing: text) }
    #expect(error?.description == message)
  }

  @Test(arguments: [
    ("int", "i32"), ("unsigned", "u32"), ("unsigned int", "u32"), ("long", "i64"), ("long int", "i64"),
    ("unsigned long", "u64"), ("long long unsigned int", "u64"), ("short", "i16"), ("unsigned short", "u16"),
    ("char", "i8"), ("unsigned char", "u8"), ("const double", "f64"), ("float", "f32"), ("size_t", "size"),
    ("ssize_t", "i64"), ("int64_t", "i64"), ("uint8_t", "u8"), ("_Bool", "bool"), ("uLong", "u64"), ("usize", "size"),
    ("float64", "f64"), ("string", "str"),
  ])
  func `A type as C or another language writes it is refused with the type to write`(written: String, type: String) {
    for (text, place) in [("i32 (\(written) x)", "1:6"), ("\(written) (i32 x)", "1:1")] {
      let error = #expect(throws: SignatureError.self) { try CSignature(parsing: text) }
      #expect(error?.description == "\(place): unknown type `\(written)`: write `\(type)`")
    }
    let call = #expect(throws: SignatureError.self) { try CallTarget(parsing: "libc.so.6: \(written) f()") }
    #expect(call?.description == "1:12: unknown type `\(written)`: write `\(type)`")
  }

  @Test(arguments: [
    ("char *", "write `str` for text that ends with a NUL, `bytes` for other bytes"),
    ("const char *", "write `str` for text that ends with a NUL, `bytes` for other bytes"),
    ("char **", "write `out str` for a text that the function reports"),
    ("str *", "write `out str` for a text that the function reports"),
    ("const void *", forBytes), ("uint8_t *", forBytes), ("unsigned char *", forBytes),
    ("int *", "write `out i32` for a variable that the function sets"),
    ("f64 *", "write `out f64` for a variable that the function sets"),
    ("struct timeval *", "write `ptr null`, since a request has no such pointer"),
    ("FILE *", "write `ptr null`, since a request has no such pointer"), ("ambit_scope *", "write `scope`"),
  ])
  func `A pointer as C writes it is refused with what to write`(written: String, advice: String) {
    let error = #expect(throws: SignatureError.self) { try CSignature(parsing: "i32 (\(written)x)") }
    #expect(error?.description == "1:6: unknown type `\(written)`: \(advice)")
  }

  @Test(arguments: [
    ("const char *getenv(str name)", "`const char *`: write `str`, or `str free` if the caller frees the text"),
    ("char* getenv(str name)", "`char *`: write `str`, or `str free` if the caller frees the text"),
    ("void *malloc(size n)", "`void *`: a response can have text (`str`) or a number, but no other pointer"),
  ])
  func `A pointer that a function returns is refused with what to write`(function: String, advice: String) {
    let error = #expect(throws: SignatureError.self) { try CallTarget(parsing: "libc.so.6: \(function)") }
    #expect(error?.description == "1:12: unknown type \(advice)")
  }

  @Test func `A signature has at most 64 parameters`() throws {
    let parameters = (1...64).map { "i32 a\($0)" }.joined(separator: ", ")
    #expect(try CSignature(parsing: "i32 (\(parameters))").parameters.count == 64)
    let error = #expect(throws: SignatureError.self) { try CSignature(parsing: "i32 (\(parameters), i32 b)") }
    #expect(error?.message == "expected at most 64 parameters")
  }

  @Test func `A signature has at most 4096 bytes`() throws {
    let blanks = String(repeating: " ", count: 4096 - "i32 ()".utf8.count)
    #expect(try CSignature(parsing: "i32 (\(blanks))").parameters == [])
    let error = #expect(throws: SignatureError.self) { try CSignature(parsing: "i32 (\(blanks) )") }
    #expect(error?.description == "1:1: expected at most 4096 bytes, found 4097")
  }

  @Test func `A signature has names of at most 64 bytes`() throws {
    let name = String(repeating: "n", count: 64)
    #expect(try CSignature(parsing: "i32 (i32 \(name))").parameters.first?.source == .named(name))
    let error = #expect(throws: SignatureError.self) { try CSignature(parsing: "i32 (i32 \(name)n)") }
    #expect(error?.description == "1:10: expected a name of at most 64 bytes")
  }
}

@Suite("Signature of a job or a callback") struct OtherSignatureTests {
  @Test(arguments: ["ptr (ptr a, bytes b, str body, bool c)", "void ()", "i32 (i32 len)"])
  func `The signature of a call names the values that the caller passes`(text: String) throws {
    #expect(try CSignature(parsing: text, for: .job).description == text)
    #expect(try CSignature(parsing: text, for: .callback).description == text)
  }

  @Test func `The signature of a job may take the scope, and say what its result means`() throws {
    #expect(try CSignature(parsing: "status (scope, str path)", for: .job).parameters.first?.type == .scope)
    #expect(try CSignature(parsing: "i32 errno (i32 fd)", for: .job).result.errno)
  }

  @Test(arguments: [
    ("i32 (i32 5)", "1:6: expected a type and a name, since the caller passes the argument"),
    ("i32 (i32 a, out i32 b)", "1:13: expected a type and a name, since the caller passes the argument"),
    ("i32 (buffer(8) b)", "1:6: expected a type and a name, since the caller passes the argument"),
    ("i32 (ptr null)", "1:6: expected a type and a name, since the caller passes the argument"),
    ("i32 (size len(body))", "1:6: expected a type and a name, since the caller passes the argument"),
    ("str free (i32 a)", "1:5: `free` is allowed only for routes, which copy the text first"),
    ("i32 (i32 a = 5)", "1:12: a default value is for routes; here the caller passes all arguments"),
    ("i32 (void *p)", "1:6: unknown type `void *`: write `ptr`"),
    ("FILE *(i32 a)", "1:1: unknown type `FILE *`: write `ptr`"),
  ])
  func `The signature of a job takes nothing of a request`(text: String, message: String) {
    for use in [SignatureUse.job, .callback] {
      let error = #expect(throws: SignatureError.self) { try CSignature(parsing: text, for: use) }
      #expect(error?.description == message)
    }
  }

  @Test(arguments: [
    ("i32 (scope)", "1:6: expected a type and a name, since the caller passes the argument"),
    (
      "status ()", "1:1: `status` tells the host how to treat a result, but the result of a callback goes to its caller"
    ),
    (
      "i32 errno ()",
      "1:5: `errno` tells the host how to treat a result, but the result of a callback goes to its caller"
    ),
  ])
  func `The signature of a callback has no scope and gives its result to the caller`(text: String, message: String) {
    let error = #expect(throws: SignatureError.self) { try CSignature(parsing: text, for: .callback) }
    #expect(error?.description == message)
  }
}

@Suite("C types") struct CTypeTests {
  @Test func `C types have the sizes and alignments of 64-bit processors`() {
    let sizes: [CType: Int] = [
      .void: 0, .bool: 1, .i8: 1, .u8: 1, .i16: 2, .u16: 2, .i32: 4, .u32: 4, .f32: 4, .i64: 8, .u64: 8, .f64: 8,
      .size: 8, .str: 8, .bytes: 8, .ptr: 8, .scope: 8,
    ]
    for type in CType.allCases {
      #expect(type.byteCount == sizes[type], "\(type)")
      #expect(type.alignment == max(1, type.byteCount), "\(type)")
    }
  }
}
