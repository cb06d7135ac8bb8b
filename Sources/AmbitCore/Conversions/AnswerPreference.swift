/// Whether a client would rather have JSON than plain text, by its `Accept` fields (RFC 9110, section 12.5.1).
///
/// For each of the two the most specific media range decides that covers it, wherever it stands, the first of equally
/// specific ones. Parameters other than `q` are not looked at. A client that wants neither gets text: the RFC lets a
/// server disregard the field, and a client can do more with an answer than without.
public struct AnswerPreference: Sendable, Equatable {
  /// A weight in thousandths, and how specific the range was that gave it: 1 for `*/*`, 3 for a whole media type.
  private struct Weight: Equatable {
    var thousandths = 0
    var specificity = 0

    mutating func take(_ thousandths: Int, specificity: Int) {
      if specificity > self.specificity { (self.thousandths, self.specificity) = (thousandths, specificity) }
    }
  }

  private var json = Weight()
  private var text = Weight()

  /// A client that has said nothing.
  public init() {}

  /// Whether JSON has the greater weight.
  public var prefersJSON: Bool { json.thousandths > text.thousandths }

  /// Takes the value of one `Accept` field into account. An element that makes no sense counts for nothing.
  public mutating func add(_ value: RawSpan) {
    var elements = ListElements(of: ByteRange(from: 0, to: value.byteCount))
    while let element = elements.next(in: value) {
      let range = MediaRange(element, of: value)
      guard let weight = range.weight(in: value) else { continue }
      switch range.name.specificity(in: value, as: "application/json", below: "application/*") {
      case 0: break
      case let specificity: json.take(weight, specificity: specificity)
      }
      switch range.name.specificity(in: value, as: "text/plain", below: "text/*") {
      case 0: break
      case let specificity: text.take(weight, specificity: specificity)
      }
    }
  }
}

extension ByteRange {
  /// How specific this media range is for a media type: 3 if it names it, 2 and 1 if it covers it, 0 if it does not.
  fileprivate func specificity(in bytes: RawSpan, as type: StaticString, below group: StaticString) -> Int {
    if bytes.equals(self, ignoringCaseOf: type) { return 3 }
    if bytes.equals(self, ignoringCaseOf: group) { return 2 }
    return bytes.equals(self, "*/*") ? 1 : 0
  }
}
