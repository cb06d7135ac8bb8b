/// Decodes what `MessageEncoder` has encoded, and trusts nothing in it.
package enum MessageDecoder {
  /// How deep values may be nested. Code that is not the host's must not exhaust the stack.
  static let deepest = 128

  /// From any thread; does not wait.
  /// - Throws: if the bytes are not exactly one value of the type.
  package static func decode<Value: Codable>(
    _ type: Value.Type, from bytes: ArraySlice<UInt8>
  ) throws(MalformedMessageError) -> Value {
    let source = MessageSource(bytes)
    do {
      let value = try source.take(type)
      guard source.wire.isAtEnd else { throw MalformedMessageError() }
      return value
    } catch {
      // What a value finds wrong with its parts is of no use: the peer is not the host's code.
      throw MalformedMessageError()
    }
  }
}

/// The bytes of one message that are not decoded yet.
final class MessageSource: Decoder {
  var wire: WireReader
  private var depth = 0
  /// Nobody reads these two.
  let codingPath: [any CodingKey] = []
  let userInfo: [CodingUserInfoKey: Any] = [:]

  init(_ bytes: ArraySlice<UInt8>) { wire = WireReader(bytes) }

  func take<Value: Decodable>(_ type: Value.Type) throws -> Value {
    guard depth < MessageDecoder.deepest else { throw MalformedMessageError() }
    depth += 1
    defer { depth -= 1 }
    if let known = type as? any MessageValue.Type { return try known.take(from: self) as! Value }
    return try Value(from: self)
  }

  func container<Key: CodingKey>(keyedBy: Key.Type) -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(KeyedSource(source: self))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try UnkeyedSource(self) }

  func singleValueContainer() -> any SingleValueDecodingContainer { SingleValueSource(source: self) }
}

private struct SingleValueSource: SingleValueDecodingContainer {
  let source: MessageSource
  var codingPath: [any CodingKey] { [] }

  func decodeNil() -> Bool { (try? source.wire.flag()) != true }
  func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try source.take(type) }
}

private struct UnkeyedSource: UnkeyedDecodingContainer {
  private let source: MessageSource
  let count: Int?
  private(set) var currentIndex = 0
  var codingPath: [any CodingKey] { [] }
  var isAtEnd: Bool { currentIndex == count }

  init(_ source: MessageSource) throws {
    self.source = source
    count = try source.wire.count()
  }

  private mutating func takeElement() throws {
    guard !isAtEnd else { throw MalformedMessageError() }
    currentIndex += 1
  }

  mutating func decodeNil() throws -> Bool {
    let isNil = try !source.wire.flag()
    if isNil { try takeElement() }
    return isNil
  }

  mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try takeElement()
    return try source.take(type)
  }

  mutating func nestedContainer<Key: CodingKey>(keyedBy: Key.Type) throws -> KeyedDecodingContainer<Key> {
    try takeElement()
    return source.container(keyedBy: keyedBy)
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try takeElement()
    return try source.unkeyedContainer()
  }

  mutating func superDecoder() throws -> any Decoder {
    try takeElement()
    return source
  }
}

private struct KeyedSource<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let source: MessageSource
  var codingPath: [any CodingKey] { [] }

  /// The case of an enumeration, whose synthesized code asks for it. Nothing else asks.
  var allKeys: [Key] {
    var ahead = source.wire
    return (try? ahead.text()).flatMap(Key.init(stringValue:)).map { [$0] } ?? []
  }

  /// The property is there, as an optional at least.
  func contains(_ key: Key) -> Bool { true }
  func decodeNil(forKey key: Key) throws -> Bool { try !source.wire.flag() }
  func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try source.take(type) }

  func nestedContainer<Nested: CodingKey>(
    keyedBy: Nested.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<Nested> {
    guard try source.wire.text() == key.stringValue else { throw MalformedMessageError() }
    return source.container(keyedBy: keyedBy)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try source.unkeyedContainer()
  }

  func superDecoder() -> any Decoder { source }
  func superDecoder(forKey key: Key) -> any Decoder { source }
}
