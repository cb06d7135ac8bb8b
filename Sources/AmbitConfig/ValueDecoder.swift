internal import AmbitCore

/// Checks the value of a key and converts it.
struct ValueDecoder<Value: Sendable>: Sendable {
  /// Returns the value, or nil and adds at least one diagnostic.
  let decode: @Sendable (ConfigurationValue, SettingPath, inout [Diagnostic]) -> Value?

  init(decode: @escaping @Sendable (ConfigurationValue, SettingPath, inout [Diagnostic]) -> Value?) {
    self.decode = decode
  }

  /// A decoder that accepts or refuses a value as a whole.
  init(_ check: @escaping @Sendable (ConfigurationValue) throws(ValueError) -> Value) {
    decode = { value, path, diagnostics in
      do throws(ValueError) {
        return try check(value)
      } catch {
        diagnostics.append(.unexpected(at: path, expected: error.expected, found: value, hint: error.hint))
        return nil
      }
    }
  }
}

/// The value that a decoder expected instead of the one it refused.
struct ValueError: Error {
  let expected: String
  var hint: String?
}

/// Decodes the members of a table one by one, and then knows the members that are unknown.
struct TableDecoder {
  let path: SettingPath
  private let members: [String: ConfigurationValue]
  private var known: [String] = []

  /// - Parameter expected: The expected value for the diagnostic if `value` is not a table; the result is nil then.
  init?(_ value: ConfigurationValue, at path: SettingPath, expected: String, _ diagnostics: inout [Diagnostic]) {
    guard case .table(let members) = value else {
      diagnostics.append(.unexpected(at: path, expected: expected, found: value))
      return nil
    }
    self.path = path
    self.members = members
  }

  /// The value of a member; nil if it is missing, or if it is wrong, which adds to the diagnostics.
  mutating func decode<Value>(_ name: String, _ decoder: ValueDecoder<Value>, _ diagnostics: inout [Diagnostic])
    -> Value?
  {
    known.append(name)
    return members[name].flatMap { decoder.decode($0, path.appending(.key(name)), &diagnostics) }
  }

  func has(_ name: String) -> Bool { members[name] != nil }

  /// A diagnostic for each member that was not decoded.
  var unknownKeys: [Diagnostic] {
    members.filter { !known.contains($0.key) }.map { name, value in
      let hint = UnknownKeys.hint(for: name, known: known)
      let message = UnknownKeys.message(for: name, value, in: path.description, hint: hint)
      return Diagnostic(path: path.appending(.key(name)), message: message)
    }
  }
}

extension ValueDecoder where Value == Bool {
  static let boolean = ValueDecoder { value throws(ValueError) in
    guard case .boolean(let flag) = value else { throw ValueError(expected: "true or false") }
    return flag
  }
}

extension ValueDecoder where Value == Int {
  static func integer(_ range: ClosedRange<Int>) -> ValueDecoder {
    ValueDecoder { value throws(ValueError) in
      guard case .integer(let number) = value, range.contains(number) else {
        throw ValueError(expected: "an integer from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
  }

  /// A size in bytes, with a unit or as a plain number.
  static func size(_ range: ClosedRange<Int>, multipleOf unit: Int = 1) -> ValueDecoder {
    ValueDecoder { value throws(ValueError) in
      let bytes = try bytes(value)
      guard range.contains(bytes) else {
        let (least, most) = (SizeText.text(for: range.lowerBound), SizeText.text(for: range.upperBound))
        throw ValueError(expected: "a size from \(least) to \(most)")
      }
      guard bytes.isMultiple(of: unit) else { throw ValueError(expected: "a multiple of \(unit) bytes") }
      return bytes
    }
  }

  private static func bytes(_ value: ConfigurationValue) throws(ValueError) -> Int {
    let expected = #"a size such as "8MiB" or a number of bytes"#
    switch value {
    case .integer(let bytes): return bytes
    case .string(let text):
      guard let bytes = SizeText.bytes(in: text) else {
        throw ValueError(expected: expected, hint: SizeText.hint(for: text))
      }
      return bytes
    default: throw ValueError(expected: expected)
    }
  }
}

extension ValueDecoder where Value == String {
  /// The path of a directory. It need not exist.
  static let directory = ValueDecoder { value throws(ValueError) in
    guard case .string(let path) = value, !path.isEmpty else { throw ValueError(expected: "the path of a directory") }
    return path
  }
}

extension ValueDecoder where Value == String? {
  /// The path of a directory; nil for an empty string.
  static let optionalDirectory = ValueDecoder { value throws(ValueError) in
    guard case .string(let path) = value else {
      throw ValueError(expected: #"the path of a directory, or "" for the default one"#)
    }
    return path.isEmpty ? nil : path
  }
}

extension ValueDecoder where Value == [String] {
  /// An array of paths, which may be empty. None need exist.
  static let paths = ValueDecoder { value, path, diagnostics in
    guard case .array(let elements) = value else {
      diagnostics.append(.unexpected(at: path, expected: #"an array of paths such as ["/srv/data"]"#, found: value))
      return nil
    }
    return elements.enumerated().compactMap { index, element in
      if case .string(let name) = element, !name.isEmpty { return name }
      let place = path.appending(.index(index))
      diagnostics.append(.unexpected(at: place, expected: "the path of a file or a folder", found: element))
      return nil
    }
  }
}

extension ValueDecoder where Value == HostConfiguration.WorkerLimits.Limit? {
  /// A size, "unlimited", or nil for an empty string.
  static func limit(least: Int) -> ValueDecoder {
    let size = ValueDecoder<Int>.size(least...(1 << 50))
    return ValueDecoder { value, path, diagnostics in
      switch value {
      case .string(""): .some(nil)
      case .string("unlimited"): .unlimited
      default: size.decode(value, path, &diagnostics).map { .bytes($0) }
      }
    }
  }
}

extension ValueDecoder where Value == HostConfiguration.AdminPlace {
  /// The path of a unix socket, "auto", or an empty string for none. The length of a path is not checked, since it
  /// depends on the folder of the configuration.
  static let adminPlace = ValueDecoder { value throws(ValueError) in
    guard case .string(let path) = value else {
      throw ValueError(expected: #""auto", the path of a socket, or "" for none"#)
    }
    return path.isEmpty ? .off : path == "auto" ? .automatic : .path(path)
  }
}

extension ValueDecoder where Value: CaseIterable & RawRepresentable<String> {
  /// One of the raw values.
  static var choice: ValueDecoder {
    ValueDecoder { value throws(ValueError) in
      let names = Value.allCases.map(\.rawValue)
      guard case .string(let name) = value else { throw ValueError(expected: alternatives(names)) }
      guard let chosen = Value(rawValue: name) else {
        let hint = suggestion(for: name, among: names).map { "did you mean \(quoted($0))?" }
        throw ValueError(expected: alternatives(names), hint: hint)
      }
      return chosen
    }
  }
}

extension ValueDecoder where Value == Duration {
  static func duration(_ range: ClosedRange<Duration>) -> ValueDecoder {
    ValueDecoder { value throws(ValueError) in
      let duration = try duration(value)
      guard range.contains(duration) else { throw ValueError(expected: range.expectation) }
      return duration
    }
  }

  fileprivate static func duration(_ value: ConfigurationValue) throws(ValueError) -> Duration {
    let expected = #"a duration such as "250ms" or "1m30s""#
    switch value {
    case .string(let text):
      guard let duration = DurationText.duration(in: text) else {
        throw ValueError(expected: expected, hint: DurationText.hint(for: text))
      }
      return duration
    case .integer(let number) where number >= 0:
      throw ValueError(expected: expected, hint: DurationText.hint(forSeconds: String(number)))
    default: throw ValueError(expected: expected)
    }
  }
}

extension ValueDecoder where Value == Duration? {
  /// A time limit; nil for a duration of zero, which means no limit.
  static func timeLimit(_ range: ClosedRange<Duration>) -> ValueDecoder {
    ValueDecoder { value throws(ValueError) in
      let duration = try ValueDecoder<Duration>.duration(value)
      guard duration != .zero else { return nil }
      guard range.contains(duration) else {
        throw ValueError(expected: range.expectation + #", or "0s" for no limit"#)
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
