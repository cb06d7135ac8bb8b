extension ValueForm where Value == Duration {
  static func duration(_ range: ClosedRange<Duration>) -> ValueForm {
    ValueForm { value throws(Mismatch) in
      let duration = try duration(value)
      guard range.contains(duration) else { throw Mismatch(expected: range.expectation) }
      return duration
    }
  }

  fileprivate static func duration(_ value: ConfigurationValue) throws(Mismatch) -> Duration {
    let expected = #"a duration such as "250ms" or "1m30s""#
    switch value {
    case .string(let text):
      guard let duration = DurationText.duration(in: text) else {
        throw Mismatch(expected: expected, hint: DurationText.hint(for: text))
      }
      return duration
    case .integer(let number) where number >= 0:
      throw Mismatch(expected: expected, hint: DurationText.hint(forSeconds: String(number)))
    default: throw Mismatch(expected: expected)
    }
  }
}

extension ValueForm where Value == Duration? {
  /// A limit on time; a duration of zero means that there is none, and is nil.
  static func timeLimit(_ range: ClosedRange<Duration>) -> ValueForm {
    ValueForm { value throws(Mismatch) in
      let duration = try ValueForm<Duration>.duration(value)
      guard duration != .zero else { return nil }
      guard range.contains(duration) else {
        throw Mismatch(expected: range.expectation + #", or "0s" for no limit"#)
      }
      return duration
    }
  }
}

extension ClosedRange<Duration> {
  fileprivate var expectation: String {
    "a duration from \(DurationText.text(for: lowerBound)) to \(DurationText.text(for: upperBound))"
  }
}
