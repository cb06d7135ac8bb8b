package import CAmbit

/// One loaded version of a plugin, as scopes see it: who to name, and what belongs to it.
///
/// Made before its first scope and never released: whatever still holds a pointer to a retired generation may look.
package struct Generation {
  /// The plugin's name and the generation's number, as logs show it: "hello/3".
  package let label: String
  package let settings: SettingsTable
  /// The plugin's scope on each loop.
  package let shards: UnsafeMutablePointer<ScopePointer>
  /// What the plugin keeps for itself: `ambit_set_state`.
  package var state: UnsafeMutableRawPointer?
  /// Called on a loop when the plugin's scope there has ended and nothing of it runs any more. Set before it can.
  package var shardEnded: @Sendable () -> Void

  package init(
    label: String, settings: SettingsTable, shards: UnsafeMutablePointer<ScopePointer>,
    shardEnded: @escaping @Sendable () -> Void
  ) {
    self.label = label
    self.settings = settings
    self.shards = shards
    self.shardEnded = shardEnded
  }
}

package typealias GenerationPointer = UnsafeMutablePointer<Generation>

/// A plugin's settings, in memory that plugins can be pointed at.
package struct SettingsTable {
  private let entries: [(key: String, value: ambit_str)]

  /// Copies the settings; the copies are never released.
  package init(_ settings: [(key: String, value: String)]) {
    entries = settings.map { ($0.key, .immortalCopy($0.value)) }
  }

  /// The value of `key`, NUL-terminated behind its end; absent if there is none.
  func value(of key: String) -> ambit_str {
    entries.first { $0.key == key }?.value ?? ambit_str(ptr: nil, len: 0)
  }
}

extension ambit_str {
  /// The text's UTF-8 and a NUL, in memory of its own that is never released.
  package static func immortalCopy(_ text: String) -> ambit_str {
    let bytes = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
    _ = bytes.initialize(from: text.utf8.map { CChar(bitPattern: $0) } + [0])
    return ambit_str(ptr: bytes.baseAddress, len: text.utf8.count)
  }
}
