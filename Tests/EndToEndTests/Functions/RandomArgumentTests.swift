import Foundation
import TestSupport
import Testing

/// Random requests for C functions: arguments that do not fit never reach them.
@Suite struct `Random arguments` {
  private static let given = PluginFile.source(
    """
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>
    int8_t small(int8_t x) { return x; }
    uint64_t large(uint64_t x) { return x; }
    double number(double x) { return x; }
    size_t length(const char *text, size_t length) { return strlen(text) == length ? length : SIZE_MAX; }
    """, name: "given")

  private static let routes = [
    "i8 small(i8 x)", "u64 large(u64 x)", "f64 number(f64 x)", "size length(str x, size len(x))",
  ].enumerated().map { index, call in
    "[[route]]\nmatch = '* /\(index)'\ncall = './given.so: \(call)'\nblocking = false\nserial = false\n"
  }.joined()

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `Random arguments are passed on exactly, or refused with 400`(seed: UInt64) async throws {
    try await withGivenFunctions { host in
      var random = RandomText(seed: seed)
      let connection = try host.connect()
      defer { connection.close() }
      for _ in 0..<100 {
        let text = random.argument()
        for (index, expected) in [Self.small(text), Self.large(text), Self.number(text), Self.length(text)].enumerated()
        {
          for request in [query(index, text), json(index, text)] {
            try await connection.send(request)
            let response = try await connection.response()
            #expect(response.status == (expected == nil ? 400 : 200), "\(request): \(response.text)")
            if let expected { #expect(Self.isSame(response.text, expected), "\(request): \(response.text)") }
          }
        }
      }
    }
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `Random arguments in damaged JSON are read or refused, and the connection serves on`(seed: UInt64) async throws {
    try await withGivenFunctions { host in
      var random = RandomText(seed: seed)
      let connection = try host.connect()
      defer { connection.close() }
      for _ in 0..<400 {
        let body = random.damaged(#"{"y":[1,{"x":"\u00e9"}],"x":"1\u0030\ud83d\ude00 b","z":-1.5e3}"#)
        let head = "POST /3 HTTP/1.1\r\nHost: ambit\r\nContent-Type: application/json\r\n"
        try await connection.send(Array("\(head)Content-Length: \(body.count)\r\n\r\n".utf8) + body)
        let response = try await connection.response()
        #expect([200, 400].contains(response.status), "\(String(decoding: body, as: UTF8.self)): \(response.text)")
        #expect(!response.text.hasPrefix("1844"), "a text with a NUL inside")
      }
    }
  }

  private func query(_ index: Int, _ text: String) -> [UInt8] {
    let escaped = text.utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return Array("GET /\(index)?x=\(escaped) HTTP/1.1\r\nHost: ambit\r\n\r\n".utf8)
  }

  private func json(_ index: Int, _ text: String) -> [UInt8] {
    let escaped = text.utf16.map { unit in
      let digits = String(unit, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }.joined()
    let body = #"{"x":"\#(escaped)"}"#
    let head = "POST /\(index) HTTP/1.1\r\nHost: ambit\r\nContent-Type: application/json\r\n"
    return Array("\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
  }

  // The expected result by the standard library; nil: none.

  private static func small(_ text: String) -> String? {
    Int8(text).flatMap { "\($0)" == text || text == "-0" ? "\($0)" : nil }
  }

  private static func large(_ text: String) -> String? {
    UInt64(text).flatMap { "\($0)" == text ? text : nil }
  }

  private static func number(_ text: String) -> String? {
    if ["nan", "inf", "-inf"].contains(text) { return text }
    guard text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/) != nil else { return nil }
    return Double(text).flatMap { $0.isFinite ? "\($0)" : nil }
  }

  private static func length(_ text: String) -> String? {
    text.utf8.contains(0) ? nil : "\(text.utf8.count)"
  }

  private static func isSame(_ answer: String, _ expected: String) -> Bool {
    answer == expected || Double(answer).map { $0 == Double(expected) } == true
  }

  private func withGivenFunctions(_ body: @escaping @Sendable (Host) async throws -> Void) async throws {
    try await withHost([]) { host in
      try await Self.given.install(in: host.directory)
      try host.configure(Self.routes)
      try await host.reload()
      try await body(host)
      #expect(host.log.lines { $0.contains("fault=") }.isEmpty)
    }
  }
}

/// Texts like arguments, the same for the same seed.
private struct RandomText {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A number from 0 up to and without the bound (xorshift64*).
  private mutating func number(below bound: Int) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return Int((state &* 0x2545_F491_4F6C_DD1D) >> 33) % bound
  }

  private mutating func pick<Element>(_ elements: [Element]) -> Element { elements[number(below: elements.count)] }

  /// A value at the limit of a type, a text like a number, or another text.
  mutating func argument() -> String {
    let limits = [
      "127", "128", "-128", "-129", "0", "-0", "18446744073709551615", "18446744073709551616", "1e308", "1.8e308",
      "5e-324", "nan", "inf", "-inf", "", "true", "null", "é\u{1f600}",
    ]
    var text = pick(limits)
    for _ in 0..<number(below: 4) {
      let place = text.unicodeScalars.index(text.startIndex, offsetBy: number(below: text.unicodeScalars.count + 1))
      text.unicodeScalars.insert(pick(Array("0123456789-+.eEx \"\\\u{0}\n".unicodeScalars)), at: place)
    }
    return text
  }

  /// The text with a few bytes changed, dropped or doubled.
  mutating func damaged(_ text: String) -> [UInt8] {
    var bytes = Array(text.utf8)
    for _ in 0...number(below: 3) {
      let place = number(below: bytes.count)
      switch number(below: 3) {
      case 0: bytes[place] = UInt8(number(below: 256))
      case 1: bytes.remove(at: place)
      default: bytes.insert(bytes[place], at: place)
      }
    }
    return bytes
  }
}
