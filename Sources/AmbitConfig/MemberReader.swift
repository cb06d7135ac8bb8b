/// Takes the members of a table one by one, and so knows which of them nobody asked for.
struct MemberReader {
  let path: SettingPath
  private let members: [String: ConfigurationValue]
  private var known: [String] = []

  /// - Parameter expected: What the value should be, for the finding if it is no table; then the result is nil.
  init?(_ value: ConfigurationValue, at path: SettingPath, expected: String, _ findings: inout [Finding]) {
    guard case .table(let members) = value else {
      findings.append(.mismatch(at: path, expected: expected, found: value))
      return nil
    }
    self.path = path
    self.members = members
  }

  /// The member's value; nil if it is missing, or not of the form, which adds to the findings.
  mutating func read<Value>(_ name: String, _ form: ValueForm<Value>, _ findings: inout [Finding]) -> Value? {
    known.append(name)
    return members[name].flatMap { form.read($0, path.appending(.key(name)), &findings) }
  }

  func has(_ name: String) -> Bool { members[name] != nil }

  /// A finding for each member that was not asked for.
  var unknownKeys: [Finding] {
    members.filter { !known.contains($0.key) }.map { name, value in
      let hint = UnknownKeys.hint(for: name, known: known)
      let message = UnknownKeys.message(for: name, value, in: path.description, hint: hint)
      return Finding(path: path.appending(.key(name)), message: message)
    }
  }
}
