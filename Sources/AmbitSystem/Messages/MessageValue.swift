/// A type whose bytes in a message are not those of its own `Codable` code: that of numbers and texts would come back
/// here, and that of dictionaries would need keys.
protocol MessageValue: Codable {
  func put(in sink: MessageSink) throws
  static func take(from source: MessageSource) throws -> Self
}

extension Bool: MessageValue {
  func put(in sink: MessageSink) { sink.wire.put(byte: self ? 1 : 0) }
  static func take(from source: MessageSource) throws -> Bool { try source.wire.flag() }
}

extension String: MessageValue {
  func put(in sink: MessageSink) { sink.wire.put(self) }
  static func take(from source: MessageSource) throws -> String { try source.wire.text() }
}

extension Double: MessageValue {
  func put(in sink: MessageSink) { sink.wire.put(bitPattern) }
  static func take(from source: MessageSource) throws -> Double { Double(bitPattern: try source.wire.number()) }
}

extension Float: MessageValue {
  func put(in sink: MessageSink) { bitPattern.put(in: sink) }
  static func take(from source: MessageSource) throws -> Float { Float(bitPattern: try UInt32.take(from: source)) }
}

extension MessageValue where Self: FixedWidthInteger {
  func put(in sink: MessageSink) { sink.wire.put(UInt64(truncatingIfNeeded: self)) }

  static func take(from source: MessageSource) throws -> Self {
    let number = try source.wire.number()
    guard let value = isSigned ? Self(exactly: Int64(bitPattern: number)) : Self(exactly: number) else {
      throw MalformedMessageError()
    }
    return value
  }
}

extension Int: MessageValue {}
extension Int8: MessageValue {}
extension Int16: MessageValue {}
extension Int32: MessageValue {}
extension Int64: MessageValue {}
extension UInt: MessageValue {}
extension UInt8: MessageValue {}
extension UInt16: MessageValue {}
extension UInt32: MessageValue {}
extension UInt64: MessageValue {}

extension Optional: MessageValue where Wrapped: Codable {
  func put(in sink: MessageSink) throws { try sink.put(self) }

  static func take(from source: MessageSource) throws -> Wrapped? {
    try source.wire.flag() ? try source.take(Wrapped.self) : nil
  }
}

extension Array: MessageValue where Element: Codable {
  func put(in sink: MessageSink) throws {
    if let bytes = bytes { return sink.wire.put(bytes) }
    sink.wire.put(UInt64(count))
    for element in self { try sink.put(element) }
  }

  /// The array itself if its elements are bytes, which are copied as a whole. A cast by `as` would convert one element
  /// after the other, which takes seconds for the state of a plugin.
  private var bytes: [UInt8]? {
    Element.self == UInt8.self ? unsafe unsafeBitCast(self, to: [UInt8].self) : nil
  }

  static func take(from source: MessageSource) throws -> [Element] {
    if Element.self == UInt8.self { return unsafe unsafeBitCast(Array<UInt8>(try source.wire.run()), to: Self.self) }
    var elements: [Element] = []
    for _ in 0..<(try source.wire.count()) { elements.append(try source.take(Element.self)) }
    return elements
  }
}

extension Dictionary: MessageValue where Key: Codable, Value: Codable {
  func put(in sink: MessageSink) throws {
    sink.wire.put(UInt64(count))
    for (key, value) in self {
      try sink.put(key)
      try sink.put(value)
    }
  }

  static func take(from source: MessageSource) throws -> [Key: Value] {
    var pairs: [Key: Value] = [:]
    for _ in 0..<(try source.wire.count()) {
      let key = try source.take(Key.self)
      guard pairs.updateValue(try source.take(Value.self), forKey: key) == nil else { throw MalformedMessageError() }
    }
    return pairs
  }
}
