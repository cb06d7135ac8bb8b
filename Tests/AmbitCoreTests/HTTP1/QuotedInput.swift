import AmbitCore
import Testing

/// Text for a parser that is shown with its control characters escaped in the name of the test case.
struct QuotedInput: CustomTestStringConvertible, ExpressibleByStringLiteral, Sendable {
  let text: String

  init(stringLiteral text: String) {
    self.text = text
  }

  var testDescription: String { text.debugDescription }
}

/// Text for a parser, and why it must be rejected.
struct RejectedInput: CustomTestStringConvertible, Sendable {
  let error: HTTPParseError
  let text: String

  init(_ error: HTTPParseError, _ text: String) {
    self.error = error
    self.text = text
  }

  var testDescription: String { "\(text.debugDescription) is \(error)" }
}

extension [UInt8] {
  /// The bytes as text in quotes with their control characters escaped, for the message of a failure.
  var quoted: String { String(decoding: self, as: UTF8.self).debugDescription }
}
