package import AmbitCore

/// A `[plugin.NAME]` table: the mount prefix of the plugin, its limits, and the settings that the plugin reads.
package struct PluginSettings: Sendable, Equatable {
  /// The path below which all routes of the plugin are mounted, such as "/v1"; empty for none.
  package var prefix: String
  /// All other keys of the table. Numbers and booleans become text: integers in decimal notation, floating-point
  /// numbers in the shortest form that parses to the same value.
  package var values: [String: String]
  /// The table `[plugin.NAME.limits]`.
  package var limits: PluginLimits

  package init(prefix: String = "", values: [String: String] = [:], limits: PluginLimits = PluginLimits()) {
    self.prefix = prefix
    self.values = values
    self.limits = limits
  }
}

extension PluginSettings {
  /// Decodes a `[plugin.NAME]` table. Wrong members add diagnostics and are left out.
  init(_ value: ConfigurationValue, at path: SettingPath, _ diagnostics: inout [Diagnostic]) {
    self.init()
    guard case .table(let members) = value else {
      diagnostics.append(.unexpected(at: path, expected: "a table of settings, [\(path)]", found: value))
      return
    }
    for (name, value) in members {
      let place = path.appending(.key(name))
      if name == "prefix" {
        prefix = ValueDecoder.prefix.decode(value, place, &diagnostics) ?? ""
      } else if name == "limits" {
        limits = PluginLimits(value, at: place, &diagnostics)
      } else {
        values[name] = ValueDecoder.setting.decode(value, place, &diagnostics)
      }
    }
  }
}

extension PluginLimits {
  /// Decodes a `[plugin.NAME.limits]` table. Wrong members add diagnostics and have their defaults.
  fileprivate init(_ value: ConfigurationValue, at path: SettingPath, _ diagnostics: inout [Diagnostic]) {
    self.init()
    let expected = "a table of limits, [\(path)]"
    guard var table = TableDecoder(value, at: path, expected: expected, &diagnostics) else { return }
    requests = table.decode("requests", .integer(1...1_000_000), &diagnostics) ?? requests
    jobs = table.decode("jobs", .integer(0...1_000_000), &diagnostics) ?? jobs
    threads = table.decode("threads", .integer(1...1024), &diagnostics) ?? threads
    alloc = table.decode("alloc", .size((4 << 10)...(1 << 40)), &diagnostics) ?? alloc
    diagnostics += table.unknownKeys
  }
}

extension HostConfiguration {
  /// The limits of a plugin: those of its table, or the defaults.
  package func limits(of plugin: String) -> PluginLimits { pluginSettings[plugin]?.limits ?? PluginLimits() }
}

extension ValueDecoder where Value == String {
  /// A string, number or boolean as text.
  fileprivate static let setting = ValueDecoder { value throws(ValueError) in
    switch value {
    case .string(let text): text
    case .integer(let number): String(number)
    case .float(let number): String(number)
    case .boolean(let flag): String(flag)
    case .dateOrTime, .array, .table: throw ValueError(expected: "a string, a number or a boolean")
    }
  }

  /// Literal segments, each after a slash; or an empty string.
  fileprivate static let prefix = ValueDecoder { value throws(ValueError) in
    guard case .string(let text) = value, isPrefix(text) else {
      throw ValueError(expected: #"a path such as "/v1", without "/" at its end and without parameters"#)
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
