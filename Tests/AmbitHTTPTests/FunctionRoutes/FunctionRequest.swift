import AmbitCore
import TestSupport

/// A request to a `DigestingFunction`, made at random, with the answer it is to get.
struct FunctionRequest {
  enum Answer: Equatable {
    case digest(Int64)
    case badRequest
    /// Damage may have made of it what it will.
    case any
  }

  private enum Form {
    case none, json, urlEncoded
  }

  private(set) var bytes: [UInt8] = []
  private(set) var answer = Answer.badRequest
  /// For messages.
  var text: String { String(decoding: bytes, as: UTF8.self) }
  private let form: Form
  private var target: [UInt8]
  private var query: [UInt8] = []
  private var body: [UInt8] = []
  private var digest = Digest()
  /// Whether all arguments are what they are to be.
  private var fits = true
  /// All of them are to be.
  private let isCareful: Bool

  init(to function: DigestingFunction, using random: inout SeededGenerator) {
    target = Array(function.path.utf8)
    isCareful = random.chance(70)
    form = function.takesBody ? .none : random.element(of: [.none, .json, .json, .urlEncoded])
    for parameter in function.parameters { add(parameter, &random) }
    if function.takesBody {
      body = (0..<random.number(0...40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      body.withUnsafeBytes { digest.add($0) }
    }
    finishBody(&random)
    answer = fits ? .digest(digest.value) : .badRequest
    if random.chance(30) { damage(&random) }
    finish(hasBody: function.takesBody || form != .none, &random)
  }

  private mutating func add(_ parameter: DigestingFunction.Parameter, _ random: inout SeededGenerator) {
    var text = random.argument(of: parameter.type)
    while isCareful, !ArgumentOracle.accepts(text, as: parameter.type) { text = random.argument(of: parameter.type) }
    guard !parameter.isInPath else { return addToPath(text, parameter) }
    if let text = parameter.defaultText, random.chance(40) { return take(Array(text.utf8), as: parameter.type) }
    if !isCareful, parameter.defaultText == nil, random.chance(3) { return fits = false }
    if form == .none || random.chance(40) {
      addPair(parameter.name, text, to: &query, &random)
    } else if form == .urlEncoded {
      addPair(parameter.name, text, to: &body, &random)
    } else {
      return addMember(parameter, text, &random)
    }
    take(text, as: parameter.type)
  }

  private mutating func take(_ text: [UInt8], as type: CType) {
    if !ArgumentOracle.add(text, as: type, to: &digest) { fits = false }
  }

  private mutating func addToPath(_ text: [UInt8], _ parameter: DigestingFunction.Parameter) {
    // What would be another path, or none.
    var text = text.filter { $0 != 0 && $0 != UInt8(ascii: "\\") }
    if text.allSatisfy({ $0 == UInt8(ascii: ".") }) { text = [UInt8(ascii: "0")] }
    target.append(UInt8(ascii: "/"))
    target += escaped(text, blankAsPlus: false)
    take(text, as: parameter.type)
  }

  private func addPair(_ name: String, _ text: [UInt8], to pairs: inout [UInt8], _ random: inout SeededGenerator) {
    // The first of a name counts.
    for value in random.chance(5) ? [text, [UInt8(ascii: "7")]] : [text] {
      if !pairs.isEmpty { pairs.append(UInt8(ascii: "&")) }
      pairs += Array(name.utf8) + [UInt8(ascii: "=")] + escaped(value, blankAsPlus: random.chance(50))
    }
  }

  private mutating func addMember(
    _ parameter: DigestingFunction.Parameter, _ text: [UInt8], _ random: inout SeededGenerator
  ) {
    body += body.isEmpty ? [UInt8(ascii: "{")] : [UInt8(ascii: ",")]
    if random.chance(5) { body += Array(#""other":[{"p0":"\"}"},-1.5e3], "#.utf8) }
    body += Array("\"\(parameter.name)\": ".utf8)
    let words = ["true", "false", "null", "{}", "[1]"].map { Array($0.utf8) }
    let isNumber = ArgumentOracle.isNumber(text, withFraction: true)
    let isBare = isNumber && (parameter.type.isScalar || !isCareful) && random.chance(50)
    if isBare || !isCareful && random.chance(5) {
      let value = isBare ? text : random.element(of: words)
      body += value
      if !parameter.type.isScalar { fits = false } else { take(value, as: parameter.type) }
    } else {
      body += [UInt8(ascii: "\"")] + random.jsonText(text) + [UInt8(ascii: "\"")]
      take(text, as: parameter.type)
    }
    guard !isCareful, random.chance(3) else { return }
    body += Array(",\"\(parameter.name)\":0".utf8)
    fits = false
  }

  private mutating func finishBody(_ random: inout SeededGenerator) {
    guard form == .json else { return }
    if body.isEmpty { body.append(UInt8(ascii: "{")) }
    body += Array(random.element(of: ["}", " }", "\n}\n"]).utf8)
  }

  /// Changes a few bytes of what the arguments are read from.
  private mutating func damage(_ random: inout SeededGenerator) {
    answer = .any
    for _ in 0..<random.number(1...4) {
      if random.chance(50), !body.isEmpty {
        random.damage(&body)
      } else if random.chance(50), !query.isEmpty {
        query[random.number(0...query.count - 1)] = UInt8(random.number(0x21...0x7E))
      } else {
        target[random.number(1...target.count - 1)] = UInt8(random.number(0x21...0x7E))
      }
    }
  }

  private mutating func finish(hasBody: Bool, _ random: inout SeededGenerator) {
    let target = target + (query.isEmpty ? [] : [UInt8(ascii: "?")] + query)
    bytes = Array((hasBody ? "POST " : "GET ").utf8) + target + Array(" HTTP/1.1\r\nHost: ambit\r\n".utf8)
    switch form {
    case .json: bytes += Array("Content-Type: application/json\r\n".utf8)
    case .urlEncoded: bytes += Array("content-type: application/x-www-form-urlencoded\r\n".utf8)
    case .none: break
    }
    if hasBody { bytes += Array("Content-Length: \(body.count)\r\n".utf8) }
    bytes += Array("\r\n".utf8) + body
  }
}

/// A text as a query, a form or a path has it: all but letters, digits and a few others escaped.
private func escaped(_ text: [UInt8], blankAsPlus: Bool) -> [UInt8] {
  let digits = Array("0123456789aBcDeF".utf8)
  var escaped: [UInt8] = []
  for byte in text {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      escaped.append(byte)
    case UInt8(ascii: " ") where blankAsPlus: escaped.append(UInt8(ascii: "+"))
    default: escaped += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }
  }
  return escaped
}

extension SeededGenerator {
  private static let limits: [CType: [[UInt8]]] = [
    .bool: ["true", "false", "1", "0", "2"], .i8: ["127", "128", "-128", "-129"], .u8: ["255", "256", "-1"],
    .i16: ["32767", "32768", "-32768", "-32769"], .u16: ["65535", "65536"],
    .i32: ["2147483647", "2147483648", "-2147483648", "-2147483649"], .u32: ["4294967295", "4294967296"],
    .i64: ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"],
    .u64: ["18446744073709551615", "18446744073709551616"], .size: ["18446744073709551615", "18446744073709551616"],
    .f32: ["3.4028235e38", "3.4028236e38", "1e-45", "nan", "inf", "-inf", "0.1"],
    .f64: ["1.7976931348623157e308", "1.8e308", "5e-324", "nan", "inf", "-inf", "0.1"],
    .str: ["", "text", "Grüße \u{1F600}", "a\u{0}b", "%41+&=;\"\\\n"],
    .bytes: ["", "\u{0}", "a\u{0}b", "\r\n\t\u{7F}"],
  ].mapValues { $0.map { Array($0.utf8) } }

  private static let common = ["0", "-0", "1", "42", "7e2", "1.5", "-1"].map { Array($0.utf8) }
  private static let insertions = "0123456789-+.eEx \"\\\n\u{0}é".unicodeScalars.map { Array(String($0).utf8) }

  /// A text that is an argument of that type, or nearly.
  mutating func argument(of type: CType) -> [UInt8] {
    var text = element(of: chance(60) ? Self.limits[type]! : Self.common)
    guard chance(20) else { return text }
    for _ in 0..<number(1...3) {
      // Between characters, so that the text stays UTF-8.
      let places = text.indices.filter { text[$0] & 0xC0 != 0x80 } + [text.count]
      text.insert(contentsOf: element(of: Self.insertions), at: element(of: places))
    }
    return text
  }

  /// The inside of a JSON string that means the text, with some of its characters escaped.
  mutating func jsonText(_ text: [UInt8]) -> [UInt8] {
    var escaped: [UInt8] = []
    for unit in String(decoding: text, as: UTF8.self).unicodeScalars {
      let mustBeEscaped = unit.value < 0x20 || unit == "\"" || unit == "\\"
      guard mustBeEscaped || chance(10) else {
        escaped += Array(String(unit).utf8)
        continue
      }
      for unit in String(unit).utf16 {
        let digits = String(unit, radix: 16)
        escaped += Array("\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8)
      }
    }
    return escaped
  }

  /// Changes, drops or doubles one byte.
  mutating func damage(_ bytes: inout [UInt8]) {
    let place = number(0...bytes.count - 1)
    switch number(0...2) {
    case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
    case 1 where bytes.count > 1: bytes.remove(at: place)
    default: bytes.insert(bytes[place], at: place)
    }
  }
}
