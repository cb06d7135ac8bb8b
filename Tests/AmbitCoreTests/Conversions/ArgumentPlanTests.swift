import AmbitCore
import Testing

@Suite("Argument plan") struct ArgumentPlanTests {
  private func plan(_ signature: String, path: [String] = []) throws -> ArgumentPlan {
    ArgumentPlan(try CSignature(parsing: signature), pathParameters: path)
  }

  @Test func `An argument plan takes names from the path first, and leaves the others to query and body`() throws {
    let plan = try plan("i32 (i32 c, i32 a, i32 b)", path: ["b", "a"])
    #expect(plan.steps == [.field, .path(1), .path(0)])
    #expect(!plan.readsBody)
    #expect(!plan.fields.isEmpty)
    #expect(try self.plan("i32 (i32 a)", path: ["a"]).fields.isEmpty)
  }

  @Test func `An argument plan works out lengths, constants, body and scope`() throws {
    let plan = try plan(
      #"i32 (str s, size len(s), buffer(9) b, u8 len(b), bytes body, u32 len(body), scope, i8 -1, str "x", ptr null)"#)
    #expect(
      plan.steps == [
        .field, .length(of: 0), .output(0), .constant(9), .body, .lengthOfBody, .scope, .constant(0xFF), .text("x"),
        .constant(0),
      ])
    #expect(plan.readsBody)
  }

  @Test func `An argument plan gives each variable and buffer an aligned place`() throws {
    let plan = try plan("void (out bool a, buffer(9) b, out f64 c, out str d)")
    #expect(plan.steps == [.output(0), .output(8), .output(24), .output(32)])
    #expect(plan.reports.map(\.name) == ["a", "b", "c", "d"])
    #expect(plan.reports.map(\.type) == [.bool, nil, .f64, .str])
    #expect(plan.reports.map(\.offset) == [0, 8, 24, 32])
    #expect(plan.reports.map(\.byteCount) == [1, 9, 8, 8])
    #expect(plan.outputByteCount == 40)
  }
}

@Suite("Field lookup") struct FieldLookupTests {
  /// The values of `a`, `b` and `c` as text, found in the given places in that order.
  private func find(query: String? = nil, form: String? = nil, json: String? = nil) throws -> [String] {
    let plan = ArgumentPlan(try CSignature(parsing: "void (str a, i32 5, str b, str c)"), pathParameters: [])
    var values = [FieldValue](repeating: FieldValue(), count: plan.steps.count)
    var places = values.mutableSpan
    if let query { plan.fields.find(inQuery: Array(query.utf8).span.bytes, &places) }
    if let form { plan.fields.find(inForm: Array(form.utf8).span.bytes, &places) }
    if let json { try plan.fields.find(inJSON: Array(json.utf8).span.bytes, &places) }
    #expect(values[1].form == .missing)
    #expect(plan.fields.isMissingAny(of: values.span) == [0, 2, 3].contains { values[$0].form == .missing })
    return [0, 2, 3].map { index in
      let value = values[index]
      guard value.form != .missing else { return "-" }
      let bytes = Array((value.origin == .query ? query : form ?? json)!.utf8)
      return String(decoding: decoded(value, of: bytes), as: UTF8.self)
    }
  }

  @Test func `A lookup takes the first field of a name from a query`() throws {
    #expect(try find(query: "c=3&a=1&x=9&b=2&a=4") == ["1", "2", "3"])
    #expect(try find(query: "%61=%31+&b") == ["1 ", "", "-"])
    #expect(try find(query: "") == ["-", "-", "-"])
    #expect(try find(query: "A=1&ab=2&=3") == ["-", "-", "-"])
  }

  @Test func `A lookup goes on in the body with the fields that the query does not have`() throws {
    #expect(try find(query: "a=1", form: "a=2&b=3&b=4") == ["1", "3", "-"])
    #expect(try find(query: "a=1", json: #"{"a":2,"b":"x\ny","\u0063":true}"#) == ["1", "x\ny", "true"])
  }

  @Test func `A lookup refuses a JSON object that has a wanted name twice`() throws {
    let error = #expect(throws: JSONError.self) { try find(json: #"{"a":1,"\u0061":1}"#) }
    #expect(error?.description == "expected each name once at byte 8, found `a` a second time")
    #expect(try find(json: #"{"x":1,"x":2,"a":3}"#) == ["3", "-", "-"])
    #expect(try find(query: "a=0", json: #"{"a":1,"a":2}"#) == ["0", "-", "-"])
  }

  @Test func `A lookup refuses JSON that is wrong behind the wanted fields`() {
    #expect(throws: JSONError.self) { try find(json: #"{"a":1,"b":2,"c":3} x"#) }
  }
}

@Suite("Argument error") struct ArgumentErrorTests {
  private func message(_ type: CType, _ form: FieldValue.Form, _ text: String) -> String {
    let bytes = Array(text.utf8)
    return ArgumentError("a", of: type, value: FieldValue(form: form), text: bytes.span.bytes).description
  }

  @Test func `The error of a malformed argument says which one it is, and what was expected and found`() {
    #expect(message(.i8, .text, "300") == #"a: expected i8 (-128 to 127), found "300""#)
    #expect(message(.i8, .jsonScalar, "300") == "a: expected i8 (-128 to 127), found 300")
    #expect(message(.u8, .missing, "") == "a: expected u8 (0 to 255), found nothing in path, query or body")
    #expect(message(.str, .jsonNull, "null") == "a: expected str (text without NUL), found null")
    #expect(message(.str, .jsonArray, "[]") == "a: expected str (text without NUL), found an array")
    #expect(message(.bool, .jsonObject, "{}") == "a: expected bool (true, false, 1 or 0), found an object")
    #expect(message(.str, .text, "a\u{0}\n") == #"a: expected str (text without NUL), found "a\0\n""#)
  }

  @Test func `The error of a malformed argument truncates the text, and replaces bytes that are not UTF-8`() {
    let longest = String(repeating: "é", count: 40)
    #expect(message(.i8, .text, longest + "é").hasSuffix("found \"\(longest)…\""))
    #expect(message(.i8, .text, longest).hasSuffix("found \"\(longest)\""))
    let bytes: [UInt8] = [0x61, 0xFF]
    let refusal = ArgumentError("a", of: .i8, value: FieldValue(form: .text), text: bytes.span.bytes)
    #expect(refusal.found == "\"a\u{FFFD}\"")
  }

  @Test func `The error of a malformed argument covers lengths and bodies too`() {
    #expect(
      ArgumentError(length: 300, of: "body", as: .u8).description == "len(body): expected u8 (0 to 255), found 300")
    #expect(
      ArgumentError(bodyWithNULAt: 4).description == "body: expected str (text without NUL), found one at byte 5")
  }
}

@Suite("Value of a field") struct FieldValueTests {
  @Test func `The value of a field can be a type or not by its form`() {
    for form in [FieldValue.Form.text, .formText, .jsonText, .jsonEscapedText] {
      for type in [CType.str, .bytes, .i8, .f64, .bool] { #expect(FieldValue(form: form).canBe(type)) }
      for type in [CType.ptr, .scope, .void] { #expect(!FieldValue(form: form).canBe(type)) }
    }
    for type in [CType.i8, .f64, .bool] { #expect(FieldValue(form: .jsonScalar).canBe(type)) }
    for type in [CType.str, .bytes] { #expect(!FieldValue(form: .jsonScalar).canBe(type)) }
    for form in [FieldValue.Form.missing, .jsonNull, .jsonObject, .jsonArray] {
      for type in CType.allCases { #expect(!FieldValue(form: form).canBe(type)) }
    }
  }
}
