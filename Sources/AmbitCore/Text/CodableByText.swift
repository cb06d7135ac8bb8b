/// A value that is encoded as its canonical text, and decoded by the code that checks the text.
public protocol CodableByText: Codable, CustomStringConvertible {
  /// Parses the description of a value.
  /// - Throws: if `text` is not one.
  init(canonical text: String) throws
}

extension CodableByText {
  /// Decodes the text and parses it.
  public init(from decoder: any Decoder) throws {
    try self.init(canonical: decoder.singleValueContainer().decode(String.self))
  }

  /// Encodes the description.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
