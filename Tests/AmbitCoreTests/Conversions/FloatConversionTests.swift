import AmbitCore
import Glibc
import TestSupport
import Testing

@Suite("Text to floating point numbers and back") struct FloatConversionTests {
  @Test(arguments: [
    "0.0", "1.0", "-1.0", "0.1", "0.30000000000000004", "1.7976931348623157e+308", "-1.7976931348623157e+308",
    "5e-324", "2.2250738585072014e-308", "2.225073858507201e-308", "9007199254740993.0", "1e+23", "123456789.0",
  ])
  func `Reading a float gives the number that strtod gives, and writing it gives the text back`(written: String) throws
  {
    let value = try #require(bits(written, .f64))
    #expect(value == strtod(written, nil).bitPattern)
    #expect(bits(text(value, .f64), .f64) == value)
  }

  @Test(arguments: [
    "16777217", "0.1", "3.4028235e38", "3.40282356e38", "1e-45", "7.1e-46", "1.00000005960464477539062500000001",
    "8.589973e9", "1.17549435e-38", "4.7019774032891500318749461488889827112746622270883500860350068251e-38",
  ])
  func `Reading an f32 rounds once, and not by way of f64`(written: String) throws {
    let value = try #require(bits(written, .f32))
    #expect(value == UInt64(strtof(written, nil).bitPattern))
    #expect(bits(text(value, .f32), .f32) == value)
  }

  @Test func `Reading a float knows infinities and NaN`() throws {
    #expect(bits("inf", .f64) == Double.infinity.bitPattern)
    #expect(bits("-inf", .f32) == UInt64((-Float.infinity).bitPattern))
    #expect(Double(bitPattern: try #require(bits("nan", .f64))).isNaN)
    for type in [CType.f32, .f64] {
      for word in ["nan", "inf", "-inf"] {
        let value = try #require(bits(word, type))
        #expect(text(value, type) == word)
        #expect(text(value, type, form: .json) == "null")
      }
    }
    #expect(text((-Double.nan).bitPattern, .f64) == "nan")
  }

  @Test func `Reading a float tells zeros by their sign`() {
    #expect(bits("-0", .f64) == (-0.0).bitPattern)
    #expect(bits("0e999", .f64) == 0)
    #expect(text((-0.0).bitPattern, .f64) == "-0.0")
  }

  @Test func `Reading a float refuses numbers out of range, and rounds tiny ones to zero`() {
    #expect(bits("1.7976931348623159e308", .f64) == nil)
    #expect(bits("-1e999999999999", .f64) == nil)
    #expect(bits("3.4028236e38", .f32) == nil)
    #expect(bits("1e-999999999999", .f64) == 0)
    #expect(bits("1e-46", .f32) == 0)
  }

  @Test(arguments: [
    "", "-", ".", "1.", ".5", "+1", "01", "-00.5", "1e", "1e+", "e5", "1.e5", "0x1p3", "1 ", " 1", "1f", "Inf", "NaN",
    "infinity", "+inf", "nan(1)", "1,5", "true", "1.5.5", "--1", "1e5.5", "1\u{0}",
  ])
  func `Reading a float takes no other form`(form: QuotedInput) {
    #expect(bits(form.text, .f64) == nil)
    #expect(bits(form.text, .f32) == nil)
  }

  @Test func `Reading a float uses every digit of long numbers, and has a limit`() {
    let half = "1.00000000000000011102230246251565404236316680908203125"  // Between 1 and the next number.
    #expect(bits(half, .f64) == 1.0.bitPattern)
    #expect(bits(half + String(repeating: "0", count: 900) + "1", .f64) == 1.0.nextUp.bitPattern)
    #expect(bits("0." + String(repeating: "0", count: 1098), .f64) == 0)
    #expect(bits("0." + String(repeating: "0", count: 1099), .f64) == nil)
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `Reading a written float gives the same number, and agrees with strtod on every text`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<rounds(1000) {
      let double = Double(bitPattern: random.next())
      if double.isFinite {
        let written = text(double.bitPattern, .f64)
        #expect(bits(written, .f64) == double.bitPattern, "\(written)")
        #expect(written.utf8.count <= 24)
      }
      let float = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      if float.isFinite {
        #expect(bits(text(UInt64(float.bitPattern), .f32), .f32) == UInt64(float.bitPattern), "\(float)")
      }
      let written = random.decimal()
      let expected = strtod(written, nil)
      #expect(bits(written, .f64) == (expected.isFinite ? expected.bitPattern : nil), "\(written)")
      let short = strtof(written, nil)
      #expect(bits(written, .f32) == (short.isFinite ? UInt64(short.bitPattern) : nil), "\(written)")
    }
  }
}

extension SeededGenerator {
  /// A decimal number as JSON writes it.
  fileprivate mutating func decimal() -> String {
    let whole = chance(20) ? "0" : element(of: "123456789").description + text(of: "0123456789", count: 0...22)
    let fraction = chance(60) ? "." + text(of: "0123456789", count: 1...20) : ""
    let exponent = chance(50) ? element(of: ["e", "E"]) + element(of: ["", "-", "+"]) + "\(number(0...330))" : ""
    return (chance(50) ? "-" : "") + whole + fraction + exponent
  }
}
