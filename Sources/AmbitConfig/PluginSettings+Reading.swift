extension PluginSettings {
  /// Reads a `[plugin.NAME]` table; what is not right is noted and left out.
  init(_ value: ConfigurationValue, at path: SettingPath, _ findings: inout [Finding]) {
    self.init()
    guard case .table(let members) = value else {
      findings.append(.mismatch(at: path, expected: "a table of settings, [\(path)]", found: value))
      return
    }
    for (name, value) in members {
      let place = path.appending(.key(name))
      if name == "prefix" {
        prefix = ValueForm.prefix.read(value, place, &findings) ?? ""
      } else {
        values[name] = ValueForm.setting.read(value, place, &findings)
      }
    }
  }
}

extension ValueForm where Value == String {
  /// Anything that has an obvious form as text.
  fileprivate static let setting = ValueForm { value throws(Mismatch) in
    switch value {
    case .string(let text): text
    case .integer(let number): String(number)
    case .float(let number): String(number)
    case .boolean(let flag): String(flag)
    case .dateOrTime, .array, .table: throw Mismatch(expected: "a string, a number or a boolean")
    }
  }

  /// Literal segments, each with its slash before it, or nothing.
  fileprivate static let prefix = ValueForm { value throws(Mismatch) in
    guard case .string(let text) = value, isPrefix(text) else {
      throw Mismatch(expected: #"a path such as "/v1", without "/" at its end and without parameters"#)
    }
    return text
  }

  private static func isPrefix(_ text: String) -> Bool {
    guard !text.isEmpty else { return true }
    let segments = text.split(separator: "/", omittingEmptySubsequences: false)
    return segments[0].isEmpty && segments.count > 1 && segments.dropFirst().allSatisfy(isSegment)
  }

  private static func isSegment(_ text: Substring) -> Bool {
    let reserved = "{}?#%*".unicodeScalars
    let isLiteral = text.unicodeScalars.allSatisfy { ("!"..."~").contains($0) && !reserved.contains($0) }
    return isLiteral && !["", ".", ".."].contains(text)
  }
}
