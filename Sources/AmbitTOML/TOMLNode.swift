package import AmbitCore

/// A value of a TOML text, and where it stands.
package struct TOMLNode: Sendable, Equatable {
  package enum Value: Sendable, Equatable {
    case string(String)
    case integer(Int)
    case float(Double)
    case boolean(Bool)
    /// Any of TOML's four kinds of dates and times; which one is nobody's concern.
    case dateOrTime
    case array([TOMLNode])
    /// In the order of the keys' bytes; no key twice.
    case table([TOMLMember])
  }

  package let value: Value
  /// Of a table or an element with a header of its own: the header's `[`.
  package let position: SourcePosition
}

/// A key of a table with its value.
package struct TOMLMember: Sendable, Equatable {
  /// Without quotes, escapes replaced; it may contain NUL.
  package let key: String
  /// Of the key; of the first of several that name one table.
  package let position: SourcePosition
  package let node: TOMLNode
}

/// Why a text is no TOML: the first fault.
package struct TOMLFault: Error, Sendable, Equatable {
  package let position: SourcePosition
  /// What is wrong, one line.
  package let sentence: String
  /// The character that stands there instead of what the sentence expects; nil if the sentence says all.
  package let found: String?
}

extension TOMLNode {
  /// Reads a TOML text; the result is the table of the whole text. Needs memory for a few times the text.
  /// - Throws: the first fault of the text.
  package static func parse(_ text: String) throws(TOMLFault) -> TOMLNode {
    let document = ParsedDocument(text)
    if let fault = document.fault { throw fault }
    return document.root
  }
}
