/// Where a value stands in the configuration: the keys, and the indices of array elements, that lead to it.
struct SettingPath: Sendable, Hashable {
  enum Step: Sendable, Hashable {
    case key(String)
    case index(Int)
  }

  var steps: [Step] = []

  init() {}

  /// A path of keys alone.
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
  /// The path as TOML writes it, such as `limits.max_body`, `listen[1]` or `plugin."a b".prefix`.
  var description: String {
    steps.reduce(into: "") { text, step in
      switch step {
      case .key(let key):
        let isBare = !key.isEmpty && key.utf8.allSatisfy(ByteSource.isBareKey)
        if !text.isEmpty { text += "." }
        text += isBare ? key : quoted(key)
      case .index(let index):
        text += "[\(index)]"
      }
    }
  }
}
