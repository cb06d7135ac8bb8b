internal import AmbitCore

/// What the supervisor knows of one generation that serves or has served: for `ambit history`, and to decide whether a
/// crash rolls it back.
struct GenerationRecord: Sendable, Equatable {
  /// "hello/3".
  let label: String
  let number: UInt64
  /// SHA-256 of the content, in hexadecimal; nil for a library that is used in place.
  let hash: String?
  /// When it began to serve: nanoseconds since 1970, and of the monotonic clock.
  let began: Int64
  let start: Int64
  /// It can be rolled back, and others can be rolled back to it: it is a plugin, and not a library.
  let isPlugin: Bool
  /// The hash of the last good copy of its file if that has another content, which can take its place.
  var otherLastGood: String?
  /// The generation whose content it has, if it has taken the place of one that was rolled back.
  var contentOf: String?
  /// It has served for long enough, or its content has before.
  var isProven = false
  /// The most requests that it was known to have begun.
  var requests = 0
  /// How many deaths of workers it is to blame for.
  var crashes = 0
  /// When it ended, in nanoseconds since 1970, and why; nil while it serves.
  var end: (at: Int64, reason: String)?

  static func == (one: GenerationRecord, other: GenerationRecord) -> Bool { one.label == other.label }

  /// Whether it has served for long enough by now.
  func hasProven(at now: Int64, _ limits: FaultLimits) -> Bool {
    isProven || now - start >= limits.proveTime || requests >= limits.proveRequests
  }
}

/// When crashes have consequences: the keys `crash_limit`, `crash_window`, `prove_requests` and `prove_time`.
struct FaultLimits: Sendable {
  var crashLimit = 3
  /// In nanoseconds.
  var crashWindow: Int64 = 60_000_000_000
  var proveRequests = 100
  /// In nanoseconds.
  var proveTime: Int64 = 30_000_000_000
}

/// Why no worker runs a plugin, although its file is there.
struct PluginQuarantine: Sendable, Equatable {
  /// Of the generation that was quarantined.
  let label: String
  var isPlugin = true
  /// Since when: nanoseconds since 1970.
  let since: Int64
  /// "3 crashes in 4 s".
  let reason: String
  /// What the last crash was, "SIGSEGV at 0x0 in boom+0x4 (crashy.1.3f9c.so)".
  let lastCrash: String

  /// "3 crashes in 4 s, the last: SIGSEGV at 0x0 in boom+0x4 (crashy.1.3f9c.so)".
  var text: String { "\(reason), the last: \(lastCrash)" }

  /// The word before its name in messages.
  var kind: String { isPlugin ? "plugin" : "library" }
}

/// An order to roll a plugin back, for the control thread.
struct RollBackOrder: Sendable, Equatable {
  /// The repository's name of the plugin.
  let plugin: String
  /// The generation that is rolled back.
  let label: String
  /// What has happened: "SIGSEGV at 0x0 in boom+0x4 (crashy.2.3f9c.so)"; nil if an operator wants it.
  let crash: String?
  /// When it was decided, in monotonic nanoseconds.
  let decided: Int64
}
