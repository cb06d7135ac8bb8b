/// What a key's value must look like, and what it becomes.
struct ValueDecoder<Value: Sendable>: Sendable {
  /// The value, or nil and at least one more diagnostic.
  let decode: @Sendable (ConfigurationValue, SettingPath, inout [Diagnostic]) -> Value?

  init(decode: @escaping @Sendable (ConfigurationValue, SettingPath, inout [Diagnostic]) -> Value?) {
    self.decode = decode
  }

  /// A form whose values are right or wrong as a whole.
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

/// What a form expected of a value that is not of it.
struct ValueError: Error {
  let expected: String
  var hint: String?
}

/// Takes the members of a table one by one, and so knows which of them nobody asked for.
struct TableDecoder {
  let path: SettingPath
  private let members: [String: ConfigurationValue]
  private var known: [String] = []

  /// - Parameter expected: What the value should be, for the diagnostic if it is no table; then the result is nil.
  init?(_ value: ConfigurationValue, at path: SettingPath, expected: String, _ diagnostics: inout [Diagnostic]) {
    guard case .table(let members) = value else {
      diagnostics.append(.unexpected(at: path, expected: expected, found: value))
      return nil
    }
    self.path = path
    self.members = members
  }

  /// The member's value; nil if it is missing, or not of the form, which adds to the diagnostics.
  mutating func decode<Value>(_ name: String, _ decoder: ValueDecoder<Value>, _ diagnostics: inout [Diagnostic])
    -> Value?
  {
    known.append(name)
    return members[name].flatMap { decoder.decode($0, path.appending(.key(name)), &diagnostics) }
  }

  func has(_ name: String) -> Bool { members[name] != nil }

  /// A diagnostic for each member that was not asked for.
  var unknownKeys: [Diagnostic] {
    members.filter { !known.contains($0.key) }.map { name, value in
      let hint = UnknownKeys.hint(for: name, known: known)
      let message = UnknownKeys.message(for: name, value, in: path.description, hint: hint)
      return Diagnostic(path: path.appending(.key(name)), message: message)
    }
  }
}
