/// A wrong value or key: where, and a sentence that says what was expected and what was found.
struct Finding {
  let path: SettingPath
  let message: String
}

extension Finding {
  /// `limits.max_body: expected a size such as "8MiB", found 3.5; hint`.
  static func mismatch(
    at path: SettingPath, expected: String, found: ConfigurationValue, hint: String? = nil
  ) -> Finding {
    let ending = hint.map { "; \($0)" } ?? ""
    return Finding(path: path, message: "\(path): expected \(expected), found \(found)\(ending)")
  }
}

/// What a key's value must look like, and what it becomes.
struct ValueForm<Value: Sendable>: Sendable {
  /// The value, or nil and at least one more finding.
  let read: @Sendable (ConfigurationValue, SettingPath, inout [Finding]) -> Value?

  init(read: @escaping @Sendable (ConfigurationValue, SettingPath, inout [Finding]) -> Value?) {
    self.read = read
  }

  /// A form whose values are right or wrong as a whole.
  init(_ check: @escaping @Sendable (ConfigurationValue) throws(Mismatch) -> Value) {
    read = { value, path, findings in
      do throws(Mismatch) {
        return try check(value)
      } catch {
        findings.append(.mismatch(at: path, expected: error.expected, found: value, hint: error.hint))
        return nil
      }
    }
  }
}

/// What a form expected of a value that is not of it.
struct Mismatch: Error {
  let expected: String
  var hint: String?
}
