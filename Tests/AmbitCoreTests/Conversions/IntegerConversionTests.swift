import AmbitCore
import Testing

@Suite("Text to integers and back") struct IntegerConversionTests {
  private static let limits: [(type: CType, least: String, greatest: String, below: String, above: String)] = [
    (.i8, "-128", "127", "-129", "128"), (.i16, "-32768", "32767", "-32769", "32768"),
    (.i32, "-2147483648", "2147483647", "-2147483649", "2147483648"),
    (.i64, "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808"),
    (.u8, "0", "255", "-1", "256"), (.u16, "0", "65535", "-1", "65536"),
    (.u32, "0", "4294967295", "-1", "4294967296"),
    (.u64, "0", "18446744073709551615", "-1", "18446744073709551616"),
    (.size, "0", "18446744073709551615", "-1", "18446744073709551616"),
  ]

  @Test func `Reading an integer is exact up to both limits of its type, and refuses numbers beyond them`() throws {
    for (type, least, greatest, below, above) in Self.limits {
      for inside in [least, greatest, "0", "1", "42"] {
        let value = try #require(bits(inside, type), "\(type) \(inside)")
        #expect(text(value, type) == inside)
        #expect(text(value, type, form: .json) == inside)
      }
      for outside in [below, above, "99999999999999999999", "100000000000000000000", "-99999999999999999999"] {
        #expect(bits(outside, type) == nil, "\(type) \(outside)")
      }
    }
  }

  @Test func `Reading an integer leaves the bits above the type's width zero`() {
    #expect(bits("-1", .i8) == 0xFF)
    #expect(bits("-1", .i16) == 0xFFFF)
    #expect(bits("-1", .i32) == 0xFFFF_FFFF)
    #expect(bits("-1", .i64) == .max)
    #expect(bits("-128", .i8) == 0x80)
  }

  @Test func `Writing an integer ignores the bits above the type's width`() {
    #expect(text(0xFFFF_FFFF_FFFF_FF80, .i8) == "-128")
    #expect(text(0xABCD_0000_0000_0005, .i32) == "5")
    #expect(text(0x100, .u8) == "0")
    #expect(text(0xFF00, .bool) == "false")
  }

  @Test(arguments: [
    "", "-", "+1", " 1", "1 ", "01", "00", "-01", "1.0", "1e3", "0x10", "1_000", "1,000", "--1", "1-", "١", "true",
    "null", "nan", "\u{0}1", "1\u{0}", "9223372036854775807000000000000",
  ])
  func `Reading an integer takes no other form`(form: QuotedInput) {
    for (type, _, _, _, _) in Self.limits { #expect(bits(form.text, type) == nil, "\(type)") }
  }

  @Test func `Reading an integer takes a negative zero if its type has negative numbers`() {
    #expect(bits("-0", .i32) == 0)
    #expect(bits("-0", .u32) == nil)
  }

  @Test func `Reading a boolean takes four words`() {
    for (word, value) in [("true", UInt64(1)), ("1", 1), ("false", 0), ("0", 0)] { #expect(bits(word, .bool) == value) }
    for word in ["", "True", "yes", "2", "-1", "01", "truee", "tru"] { #expect(bits(word, .bool) == nil, "\(word)") }
    #expect(text(1, .bool) == "true")
    #expect(text(0, .bool) == "false")
  }

  @Test func `Reading a number refuses types that are no scalars`() {
    for type in [CType.void, .str, .bytes, .ptr, .scope] {
      #expect(bits("1", type) == nil)
      #expect(text(1, type) == "")
    }
  }

  @Test func `Reading a length takes lengths that fit`() {
    #expect(CType.i8.bits(ofLength: 127) == 127)
    #expect(CType.i8.bits(ofLength: 128) == nil)
    #expect(CType.u8.bits(ofLength: 255) == 255)
    #expect(CType.u8.bits(ofLength: 256) == nil)
    #expect(CType.size.bits(ofLength: .max) == UInt64(Int.max))
    #expect(CType.i64.bits(ofLength: .max) == UInt64(Int.max))
    #expect(CType.f64.bits(ofLength: 1) == nil)
  }

  @Test func `Reading an integer says what it expects`() {
    #expect(CType.i8.expectation == "i8 (-128 to 127)")
    #expect(CType.u64.expectation == "u64 (0 to 18446744073709551615)")
    #expect(CType.i64.expectation == "i64 (-9223372036854775808 to 9223372036854775807)")
    #expect(CType.bool.expectation == "bool (true, false, 1 or 0)")
    #expect(CType.f32.expectation == "f32 (a decimal number within ±3.4028235e+38, nan, inf or -inf)")
    #expect(CType.f64.expectation == "f64 (a decimal number within ±1.7976931348623157e+308, nan, inf or -inf)")
  }
}
