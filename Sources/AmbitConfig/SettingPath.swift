package import AmbitCore

/// The path of a value in the configuration: keys and indices of array elements.
struct SettingPath: Sendable, Hashable {
  enum Step: Sendable, Hashable {
    case key(String)
    case index(Int)
  }

  var steps: [Step] = []

  init() {}

  /// A path of keys.
  init(_ keys: String...) {
    steps = keys.map(Step.key)
  }

  func appending(_ step: Step) -> SettingPath {
    var longer = self
    longer.steps.append(step)
    return longer
  }
}

extension SettingPath: CustomStringConvertible {
  /// Whether a key without quotes may contain the byte.
  private static func isBareKey(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }

  /// The path as TOML writes it, such as `limits.max_body`, `listen[1]` or `plugin."a b".prefix`.
  var description: String {
    steps.reduce(into: "") { text, step in
      switch step {
      case .key(let key):
        let isBare = !key.isEmpty && key.utf8.allSatisfy(Self.isBareKey)
        if !text.isEmpty { text += "." }
        text += isBare ? key : quoted(key)
      case .index(let index):
        text += "[\(index)]"
      }
    }
  }
}

/// The place of a setting in the configuration file, for errors that are found when the setting is used.
package struct SettingPlace: Sendable, Hashable {
  /// The path, such as `route[2].call`.
  package let path: String
  /// The position of its key, or of the header of its table.
  package let position: SourcePosition?

  package init(path: String, position: SourcePosition?) {
    self.path = path
    self.position = position
  }
}

extension ConfigurationError {
  /// An error at a setting; its message begins with the setting's path.
  package init(file: String, at place: SettingPlace, message: String) {
    self.init(file: file, position: place.position, message: "\(place.path): \(message)")
  }
}

/// Where the settings of a file are, for errors that are found when the settings are used.
package struct SettingPlaces: Sendable {
  private let positions: [SettingPath: SourcePosition]

  /// Those of a file that says nothing.
  init() { positions = [:] }

  init(_ positions: [SettingPath: SourcePosition]) { self.positions = positions }

  /// The place of a key, or of an element of its array.
  /// - Parameter table: the table of the key; nil at the top level.
  package func place(of key: String, in table: String? = nil, element index: Int? = nil) -> SettingPlace {
    var path = table.map { SettingPath($0, key) } ?? SettingPath(key)
    if let index { path = path.appending(.index(index)) }
    return SettingPlace(path: path.description, position: positions[path])
  }
}

extension SettingPlaces: Equatable {
  /// Always true: configurations that say the same are equal, wherever in their files they say it.
  package static func == (one: SettingPlaces, other: SettingPlaces) -> Bool { true }
}
