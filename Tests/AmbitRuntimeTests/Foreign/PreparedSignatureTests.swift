import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite("Prepared signatures") struct PreparedSignatureTests {
  private func find(
    _ text: String, for use: SignatureUse = .job, in signatures: inout PreparedSignatures
  ) throws -> PreparedSignature {
    // In memory of its own each time.
    try Array(text.utf8).withUnsafeBytes { try signatures.find($0, for: use) }
  }

  @Test func `The same text gives the same signature, wherever it lies`() throws {
    var signatures = PreparedSignatures()
    let first = try find("i32 (i32 a, f64 b)", in: &signatures)
    #expect(first.signature == (try CSignature(parsing: "i32 (i32 a, f64 b)", for: .job)))
    #expect(try find("i32 (i32 a, f64 b)", in: &signatures) === first)
    #expect(signatures.places.count(where: { $0 != nil }) == 1)
  }

  @Test func `Another text gives another signature, also at the same address`() throws {
    var signatures = PreparedSignatures()
    var text = Array("i32 (i32 a, f64 b)".utf8)
    let first = try text.withUnsafeBytes { try signatures.find($0, for: .job) }
    text[13] = UInt8(ascii: "3")
    text[14] = UInt8(ascii: "2")
    let second = try text.withUnsafeBytes { try signatures.find($0, for: .job) }
    #expect(first.signature.parameters[1].type == .f64)
    #expect(second.signature.parameters[1].type == .f32)
  }

  @Test func `The same text gives another signature for another use`() throws {
    var signatures = PreparedSignatures()
    let call = try find("void (ptr a)", for: .job, in: &signatures)
    #expect(try find("void (ptr a)", for: .callback, in: &signatures) !== call)
    #expect(try find("void (ptr a)", for: .job, in: &signatures) === call)
  }

  @Test func `A text that is no signature is refused each time`() {
    var signatures = PreparedSignatures()
    for _ in 0..<2 {
      let refusal = #expect(throws: ForeignCallError.self) { try find("i23 ()", in: &signatures) }
      #expect(refusal?.reason.hasPrefix("signature \"i23 ()\":1:1: unknown type `i23`") == true)
    }
    #expect(signatures.places.count(where: { $0 != nil }) == 0)
  }

  @Test func `The cache stays small with many texts, and keeps the signature that was used last`() throws {
    var signatures = PreparedSignatures()
    weak var last: PreparedSignature?
    for number in 0..<5_000 {
      let new = try find("i32 (i32 a\(number))", in: &signatures)
      #expect(last.map { ObjectIdentifier($0) } != ObjectIdentifier(new))
      #expect(try find("i32 (i32 a\(number))", in: &signatures) === new)
      last = new
    }
    #expect(signatures.places.count(where: { $0 != nil }) <= 128)
    #expect(last != nil)
  }

  @Test func `A signature stays as long as a call uses it`() throws {
    var signatures = PreparedSignatures()
    let used = try find("f64 (f64 x)", in: &signatures)
    for number in 0..<5_000 { _ = try find("i32 (i32 a\(number))", in: &signatures) }
    #expect(try find("f64 (f64 x)", in: &signatures) !== used)
    #expect(used.signature.parameters.count == 1)
  }
}
