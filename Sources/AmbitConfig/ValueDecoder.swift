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
