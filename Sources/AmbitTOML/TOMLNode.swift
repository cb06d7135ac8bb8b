package import AmbitCore

/// A value of a TOML text and its position.
package struct TOMLNode: Sendable, Equatable {
  package enum Value: Sendable, Equatable {
    case string(String)
    case integer(Int)
    case float(Double)
    case boolean(Bool)
    /// Any of the four kinds of dates and times of TOML, which the configuration does not use.
    case dateOrTime
    case array([TOMLNode])
    /// The members in the order of the bytes of their keys, each key once.
    case table([TOMLMember])
  }

  package let value: Value
  /// The position of the value. For a table or element with its own header, the position of the header's `[`.
  package let position: SourcePosition
}

/// A key of a table with its value.
package struct TOMLMember: Sendable, Equatable {
  /// The key without quotes and with escapes replaced. It may contain NUL.
  package let key: String
  /// The position of the key; of several keys for one table, the position of the first.
  package let position: SourcePosition
  package let node: TOMLNode
}

/// The first error in a TOML text.
package struct TOMLFault: Error, Sendable, Equatable {
  package let position: SourcePosition
  /// The error, one line.
  package let sentence: String
  /// The character at the position if the sentence says what was expected there; else nil.
  package let found: String?
}

extension TOMLNode {
  /// Parses a TOML text into the table of the whole text. Needs a few times as much memory as the text.
  /// - Throws: the first error in the text.
  package static func parse(_ text: String) throws(TOMLFault) -> TOMLNode {
    let document = ParsedDocument(text)
    if let fault = document.fault { throw fault }
    return document.root
  }
}
