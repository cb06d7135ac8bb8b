import AmbitCore

extension ValueForm where Value == Bool {
  static let boolean = ValueForm { value throws(Mismatch) in
    guard case .boolean(let flag) = value else { throw Mismatch(expected: "true or false") }
    return flag
  }
}

extension ValueForm where Value == Int {
  static func integer(_ range: ClosedRange<Int>) -> ValueForm {
    ValueForm { value throws(Mismatch) in
      guard case .integer(let number) = value, range.contains(number) else {
        throw Mismatch(expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
  }

  /// Bytes, with a unit or as a plain number.
  static func size(_ range: ClosedRange<Int>, multipleOf unit: Int = 1) -> ValueForm {
    ValueForm { value throws(Mismatch) in
      let bytes = try bytes(value)
      guard range.contains(bytes) else {
        let (least, most) = (SizeText.text(for: range.lowerBound), SizeText.text(for: range.upperBound))
        throw Mismatch(expected: "a size from \(least) to \(most)")
      }
      guard bytes.isMultiple(of: unit) else { throw Mismatch(expected: "a multiple of \(unit) bytes") }
      return bytes
    }
  }

  private static func bytes(_ value: ConfigurationValue) throws(Mismatch) -> Int {
    let expected = #"a size such as "8MiB" or a number of bytes"#
    switch value {
    case .integer(let bytes): return bytes
    case .string(let text):
      guard let bytes = SizeText.bytes(in: text) else {
        throw Mismatch(expected: expected, hint: SizeText.hint(for: text))
      }
      return bytes
    default: throw Mismatch(expected: expected)
    }
  }
}

extension ValueForm where Value == String {
  /// The path of a directory; whether it exists is for whoever opens it to find out.
  static let directory = ValueForm { value throws(Mismatch) in
    guard case .string(let path) = value, !path.isEmpty else { throw Mismatch(expected: "the path of a directory") }
    return path
  }
}

extension ValueForm where Value == String? {
  /// The path of a directory; an empty text is nil.
  static let optionalDirectory = ValueForm { value throws(Mismatch) in
    guard case .string(let path) = value else {
      throw Mismatch(expected: #"the path of a directory, or "" for the default one"#)
    }
    return path.isEmpty ? nil : path
  }

  /// The path of a socket in the file system; an empty text is nil. How long it may be depends on the folder it is
  /// relative to.
  static let optionalSocket = ValueForm { value throws(Mismatch) in
    guard case .string(let path) = value else { throw Mismatch(expected: #"the path of a socket, or "" for none"#) }
    return path.isEmpty ? nil : path
  }
}

extension ValueForm where Value: CaseIterable & RawRepresentable<String> {
  /// One of the raw values.
  static var choice: ValueForm {
    ValueForm { value throws(Mismatch) in
      let names = Value.allCases.map(\.rawValue)
      guard case .string(let name) = value else { throw Mismatch(expected: alternatives(names)) }
      guard let chosen = Value(rawValue: name) else {
        let hint = nearestName(to: name, among: names).map { "did you mean \(quoted($0))?" }
        throw Mismatch(expected: alternatives(names), hint: hint)
      }
      return chosen
    }
  }
}
