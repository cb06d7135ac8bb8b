import AmbitCore
import TestSupport
import Testing

@Suite("Random signatures") struct RandomSignatureTests {
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `Random signatures are read, and written in a form that means the same`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<rounds(200) {
      let text = random.signature()
      let signature = try CSignature(parsing: text)
      #expect(try CSignature(parsing: signature.description) == signature, "\(text)")
      let target = try CallTarget(parsing: "libm.so.6: " + text.replacing("(", with: " f(", maxReplacements: 1))
      #expect(target.signature == signature, "\(text)")
      #expect(try CallTarget(parsing: target.description) == target, "\(text)")
    }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `Damaged signatures are refused with a place inside, or understood`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<rounds(400) {
      let text = String(decoding: random.mutated(Array(random.signature().utf8)), as: UTF8.self)
      do {
        let signature = try CSignature(parsing: text)
        #expect(try CSignature(parsing: signature.description) == signature, "\(text)")
      } catch {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        #expect((1...lines.count).contains(error.line), "\(text)")
        #expect((1...lines[error.line - 1].count + 1).contains(error.column), "\(text)")
        #expect(!error.message.isEmpty)
      }
    }
  }
}

extension SeededGenerator {
  /// A signature for a route that makes sense.
  fileprivate mutating func signature() -> String {
    let results = ["void", "bool", "i8", "i32", "u64", "f32", "size", "str", "str free", "i32 errno", "status"]
    var parameters = (0..<number(0...8)).map { parameter("a\($0)") }
    if chance(20) { parameters.append("bytes body, size len(body)") }
    if chance(20) { parameters.append("bytes raw, i64 len(raw)") }
    parameters.shuffle(using: &self)
    return blank() + element(of: results) + " (" + parameters.joined(separator: blank() + "," + blank()) + ")" + blank()
  }

  private mutating func blank() -> String { text(of: " \t\n", count: 0...2) }

  private mutating func parameter(_ name: String) -> String {
    let scalar = element(of: ["bool", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "size", "f32", "f64"])
    switch number(0...9) {
    case 0: return "out \(scalar) \(name)"
    case 1: return "buffer(\(number(1...1000))) \(name)"
    case 2: return "str \(name), u32 len(\(name))"
    case 3: return "ptr null"
    case 4: return "scope"
    case 5: return "str \"" + text(of: "abc é{}(),\t", count: 0...5) + element(of: ["", "\\n", "\\\""]) + "\""
    case 6: return "\(scalar) \(scalar == "bool" ? "true" : "\(number(0...127))")"
    case 7: return "\(scalar) \(name)\(blank())=\(blank())\(scalar == "bool" ? "false" : "\(number(0...127))")"
    case 8: return "str \(name) = \(element(of: ["null", "\"\"", "\"=,)\\t\""]))"
    default: return "\(scalar) \(name)"
    }
  }
}
