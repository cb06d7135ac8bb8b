/// Encodes values for another process of the same host binary, in the order of their declaration: a property has no
/// key, and an enumeration with associated values has the name of its case. Both processes must have the same
/// declarations.
///
/// - Integers take eight bytes, `Bool` one, texts and arrays eight for their length.
/// - An optional is preceded by a byte: whether there is a value.
/// - Arrays of `UInt8` are copied as a whole.
/// - Types that encode themselves must decode in the same order, and must not ask for their keys.
package enum MessageEncoder {
  /// From any thread; does not wait.
  package static func encode(_ value: some Codable) -> [UInt8] {
    let sink = MessageSink()
    // Only a type that encodes itself could throw, and none of the host's does.
    try! sink.put(value)
    return sink.wire.bytes
  }
}

/// Collects the bytes of one message.
final class MessageSink: Encoder {
  var wire = WireWriter()
  /// Nobody reads these two.
  let codingPath: [any CodingKey] = []
  let userInfo: [CodingUserInfoKey: Any] = [:]

  func put(_ value: some Encodable) throws {
    if let value = value as? any MessageValue { try value.put(in: self) } else { try value.encode(to: self) }
  }

  func put(_ value: (some Encodable)?) throws {
    wire.put(byte: value == nil ? 0 : 1)
    if let value { try put(value) }
  }

  func container<Key: CodingKey>(keyedBy: Key.Type) -> KeyedEncodingContainer<Key> {
    KeyedEncodingContainer(KeyedSink(sink: self))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer { UnkeyedSink(self) }

  func singleValueContainer() -> any SingleValueEncodingContainer { SingleValueSink(sink: self) }
}

private struct SingleValueSink: SingleValueEncodingContainer {
  let sink: MessageSink
  var codingPath: [any CodingKey] { [] }

  mutating func encodeNil() { sink.wire.put(byte: 0) }
  mutating func encode<Value: Encodable>(_ value: Value) throws { try sink.put(value) }
}

private struct UnkeyedSink: UnkeyedEncodingContainer {
  private let sink: MessageSink
  /// Where the count is written: it is known when the last element has come.
  private let place: Int
  private(set) var count = 0
  var codingPath: [any CodingKey] { [] }

  init(_ sink: MessageSink) {
    self.sink = sink
    place = sink.wire.bytes.count
    sink.wire.put(0 as UInt64)
  }

  private mutating func addElement() {
    count += 1
    sink.wire.replace(at: place, by: UInt64(count))
  }

  mutating func encodeNil() {
    addElement()
    sink.wire.put(byte: 0)
  }

  mutating func encode<Value: Encodable>(_ value: Value) throws {
    addElement()
    try sink.put(value)
  }

  mutating func nestedContainer<Key: CodingKey>(keyedBy: Key.Type) -> KeyedEncodingContainer<Key> {
    addElement()
    return sink.container(keyedBy: keyedBy)
  }

  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    addElement()
    return sink.unkeyedContainer()
  }

  mutating func superEncoder() -> any Encoder {
    addElement()
    return sink
  }
}

private struct KeyedSink<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let sink: MessageSink
  var codingPath: [any CodingKey] { [] }

  mutating func encodeNil(forKey key: Key) { sink.wire.put(byte: 0) }
  mutating func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws { try sink.put(value) }

  /// The synthesized code of an enumeration puts the values of a case here.
  mutating func nestedContainer<Nested: CodingKey>(
    keyedBy: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    sink.wire.put(key.stringValue)
    return sink.container(keyedBy: keyedBy)
  }

  mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { sink.unkeyedContainer() }
  mutating func superEncoder() -> any Encoder { sink }
  mutating func superEncoder(forKey key: Key) -> any Encoder { sink }

  // The standard library has a default for each of these, which encodes nothing for nil.

  mutating func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: String?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: Float?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: Int8?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: Int16?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: Int32?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: Int64?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: UInt?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: UInt8?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: UInt16?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: UInt32?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try sink.put(value) }
  mutating func encodeIfPresent<Value: Encodable>(_ value: Value?, forKey key: Key) throws { try sink.put(value) }
}
