import AmbitSystem
import TestSupport
import Testing

@Suite struct `Values in messages` {
  @Test func `Numbers, texts and booleans of every kind come back as they were`() throws {
    for number in [Int64.min, -1, 0, 1, .max] { try check(number) }
    for number in [UInt64.min, 1, .max] { try check(number) }
    try check([Int8.min, .max])
    try check([Int16.min, .max])
    try check([Int32.min, .max])
    try check([Int.min, .max])
    try check([UInt8.min, .max])
    try check([UInt16.min, .max])
    try check([UInt32.min, .max])
    try check([UInt.min, .max])
    try check([true, false])
    try check([Double.greatestFiniteMagnitude, -0.0, .infinity, 0.1])
    try check([Float.leastNonzeroMagnitude, -1])
    try check(["", "text", "über\u{0}€\u{1F600}"])
    for duration in [Duration.zero, .nanoseconds(-1), .seconds(Int64.max), .seconds(Int64.min)] { try check(duration) }
  }

  @Test func `Optionals come back in structures, arrays and dictionaries, also optionals of optionals`() throws {
    for value in [nil, 7] as [Int?] { try check(value) }
    for value in [nil, .some(nil), .some(.some(7))] as [Int??] { try check(value) }
    try check([nil, "a", nil, ""] as [String?])
    try check(["a": nil, "b": 1] as [String: Int?])
    try check(Optionals())
    try check(
      Optionals(
        bool: true, string: "s", double: 1.5, float: 2.5, int: -1, int8: -8, int16: -16, int32: -32, int64: -64,
        uint: 1, uint8: 8, uint16: 16, uint32: 32, uint64: 64, list: [nil, 1], nested: .some(.some("inner"))))
  }

  @Test func `Enumerations come back with and without associated values`() throws {
    for shape in [
      Shape.point, .circle(radius: 1.5), .named("n", nil), .named("n", [1, 2]), .labelled(shape: .point, scale: nil),
      .group([.point, .group([]), .labelled(shape: .circle(radius: 0), scale: -3)]),
    ] { try check(shape) }
    try check([Colour.red, .green])
    try check([Access.read, [.read, .write], []])
  }

  @Test func `Dictionaries and sets come back whatever their keys are`() throws {
    try check(["b": 1, "a": 2, "": 3])
    try check([1: "one", -1: "minus one"])
    try check([Colour.red: [Shape.point], .green: []])
    try check(Set(["x", "y"]))
    try check([String: Int]())
  }

  @Test func `A value with values of all kinds comes back, whatever they are`() throws {
    var generator = SeededGenerator(seed: 16)
    for _ in 0..<300 { try check(Record(using: &generator, depth: 3)) }
  }

  @Test func `A state of 64 MiB is copied as a whole, not as a number for each of its bytes`() throws {
    let state = [UInt8](unsafeUninitializedCapacity: 64 << 20) { buffer, count in
      count = buffer.count
      buffer.initialize(repeating: 7)
    }
    let bytes = MessageEncoder.encode(["state": state])
    let decoded = try MessageDecoder.decode([String: [UInt8]].self, from: bytes[...])
    #expect(decoded == ["state": state])
    #expect(bytes.count == state.count + 8 + 8 + 5 + 8)
  }
}

@Suite struct `Malformed messages` {
  @Test func `A message that is cut off or has more bytes than its value is refused`() throws {
    var generator = SeededGenerator(seed: 17)
    for _ in 0..<20 {
      let bytes = MessageEncoder.encode(Record(using: &generator, depth: 2))
      for length in Set((0..<40).map { _ in Int.random(in: 0..<bytes.count, using: &generator) }) {
        #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Record.self, from: bytes[..<length]) }
      }
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Record.self, from: bytes + [0]) }
    }
  }

  @Test func `A message with wrong bytes is refused or is another value, and never ends the process`() throws {
    var generator = SeededGenerator(seed: 18)
    var refused = 0
    for _ in 0..<3000 {
      var bytes = MessageEncoder.encode(Record(using: &generator, depth: 2))
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[place] = [0, 1, 0x7f, 0x80, 0xff, .random(in: 0...255, using: &generator)].randomElement(
          using: &generator)!
      }
      do throws(MalformedMessageError) { _ = try MessageDecoder.decode(Record.self, from: bytes[...]) } catch {
        refused += 1
      }
    }
    #expect(refused > 100)
  }

  @Test func `A wild count is refused before anything is allocated for it`() throws {
    for count in [UInt64.max, 1 << 63, 1 << 62, 1 << 40, 9] {
      let bytes = MessageEncoder.encode(count) + [0, 0, 0, 0, 0, 0, 0, 0]
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode([Bool].self, from: bytes[...]) }
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode([UInt8].self, from: bytes[...]) }
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Set<Bool>.self, from: bytes[...]) }
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode([Bool: Bool].self, from: bytes[...]) }
      #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(String.self, from: bytes[...]) }
    }
  }

  @Test func `Deep nesting is refused before the stack ends`() throws {
    // Each level is a list of one list.
    let level: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
    let deep = Array(repeatElement(level, count: 100_000).joined())
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Tree.self, from: deep[...]) }
    let shallow = Array(repeatElement(level, count: 20).joined()) + [0, 0, 0, 0, 0, 0, 0, 0]
    #expect(try MessageEncoder.encode(MessageDecoder.decode(Tree.self, from: shallow[...])) == shallow)
  }

  @Test func `A number that its type does not hold, an unknown case and a wrong flag are refused`() {
    let wide = MessageEncoder.encode(300)
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(UInt8.self, from: wide[...]) }
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Int8.self, from: wide[...]) }
    let negative = MessageEncoder.encode(Int64(-1) << 40)
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Int32.self, from: negative[...]) }
    let unknown = MessageEncoder.encode("square")
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Shape.self, from: unknown[...]) }
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Colour.self, from: unknown[...]) }
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Bool.self, from: [2]) }
    #expect(throws: MalformedMessageError.self) { try MessageDecoder.decode(Int?.self, from: [2] + wide) }
  }
}

private func check<Value: Codable & Equatable>(
  _ value: Value, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let decoded = try MessageDecoder.decode(Value.self, from: MessageEncoder.encode(value)[...])
  #expect(decoded == value, sourceLocation: sourceLocation)
}

private enum Colour: String, Codable, CaseIterable { case red, green }

private struct Access: OptionSet, Codable {
  let rawValue: UInt32
  static let read = Access(rawValue: 1)
  static let write = Access(rawValue: 1 << 31)
}

private indirect enum Shape: Codable, Equatable {
  case point
  case circle(radius: Double)
  case named(String, [Int]?)
  case labelled(shape: Shape, scale: Int?)
  case group([Shape])
}

private final class Tree: Codable {
  let children: [Tree]
}

private struct Optionals: Codable, Equatable {
  var bool: Bool?
  var string: String?
  var double: Double?
  var float: Float?
  var int: Int?
  var int8: Int8?
  var int16: Int16?
  var int32: Int32?
  var int64: Int64?
  var uint: UInt?
  var uint8: UInt8?
  var uint16: UInt16?
  var uint32: UInt32?
  var uint64: UInt64?
  var list: [Int?]?
  var nested: String??
}

private struct Record: Codable, Equatable {
  let number: Int64
  let text: String
  let flag: Bool?
  let bytes: [UInt8]
  let shapes: [Shape?]
  let colours: Set<Colour>
  let wait: Duration?
  let below: [String: Record]

  init(using generator: inout SeededGenerator, depth: Int) {
    func count(_ most: Int) -> Int { .random(in: 0...most, using: &generator) }
    number = .random(in: .min ... .max, using: &generator)
    text = String((0..<count(9)).map { _ in "aß€\u{1F600}\u{0}".randomElement(using: &generator)! })
    flag = [nil, true, false].randomElement(using: &generator)!
    bytes = (0..<count(40)).map { _ in .random(in: 0...255, using: &generator) }
    let some: [Shape?] = [nil, .point, .circle(radius: 2), .named("é", nil), .named("", [1]), .group([.point])]
    shapes = (0..<count(4)).map { _ in some.randomElement(using: &generator)! }
    colours = Set(Colour.allCases.prefix(count(2)))
    wait = [nil, .seconds(-1), .nanoseconds(Int64.max)].randomElement(using: &generator)!
    below =
      depth == 0
      ? [:] : Dictionary((0..<count(2)).map { ("\($0)", Record(using: &generator, depth: depth - 1)) }) { $1 }
  }
}
