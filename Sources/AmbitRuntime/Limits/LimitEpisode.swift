internal import AmbitCore
internal import AmbitSystem
internal import Logging

/// The refusals at one limit of one plugin, from the first one until there was none for a while. The log has a line at
/// its begin and one at its end, however many refusals there are.
///
/// A value for one thread, or guarded by its owner's lock. Times are monotonic nanoseconds.
struct LimitEpisode: Sendable {
  /// What is to be logged when it has ended.
  struct End: Sendable, Equatable {
    let refused: Int
    /// From the first refusal to the last one, in nanoseconds.
    let duration: Int64
  }

  /// An episode is over when nothing was refused for this time.
  static var quietTime: Int64 { 10_000_000_000 }

  /// Refusals of all episodes.
  private(set) var total = 0
  /// Refusals of the present episode; 0: there is none.
  private var refused = 0
  private var began: Int64 = 0
  private var last: Int64 = 0

  /// It has begun, and its end has not been taken note of.
  var isUnderWay: Bool { refused > 0 }

  /// Counts a refusal. True if it begins an episode.
  mutating func refuse(at now: Int64) -> Bool {
    total &+= 1
    refused += 1
    last = now
    guard refused == 1 else { return false }
    began = now
    return true
  }

  /// The end of the episode if it is over at `now`; nil if it goes on, or if there is none.
  mutating func end(at now: Int64) -> End? { now - last >= Self.quietTime ? end() : nil }

  /// Ends the episode at once; nil if there is none.
  mutating func end() -> End? {
    guard isUnderWay else { return nil }
    defer { refused = 0 }
    return End(refused: refused, duration: last - began)
  }
}

/// Who has a limit, for the log.
struct LimitOwner: Sendable {
  /// The plugin's name, as in `[plugin.NAME.limits]`.
  let plugin: String
  /// Plugin and generation: "hello/3".
  let label: String
  let resource: LimitedResource

  private static let logger = Logger(label: "ambit")

  /// "100 requests in flight".
  func text(_ limit: Int) -> String {
    switch resource {
    case .requests: limit.pluralized("request") + " in flight"
    case .jobs: limit.pluralized("job")
    case .threads: limit.pluralized("thread") + " of the pool"
    case .alloc: limit.asBytes + " of memory"
    }
  }

  /// Logs the first refusal of an episode. `note` says more about it, such as how much was asked for.
  func reportBegin(limit: Int, note: String = "") {
    let consequence =
      switch resource {
      case .requests: "further requests are answered 503"
      case .jobs: "further jobs are refused with AMBIT_LIMIT"
      case .threads: "further requests are answered 503, and further jobs are refused with AMBIT_LIMIT"
      case .alloc: "ambit_alloc returns NULL, and other calls that need memory fail, too"
      }
    Self.logger.warning(
      "plugin \(label) has reached its limit of \(text(limit))\(note): \(consequence); to raise it, set \(key)",
      metadata: [LogField.plugin: "\(label)", LogField.fault: "plugin", "limit": "\(limit)"])
  }

  /// Logs the end of an episode.
  /// - Parameter next: the limit that has taken the place of `limit`; nil if nothing was refused for a while.
  func report(_ end: LimitEpisode.End, limit: Int, next: Int? = nil) {
    let quiet = LimitEpisode.quietTime / 1_000_000_000
    let cause =
      next.map { "has a limit of \(text($0)) now; at \(text(limit))" }
      ?? "has kept below its limit of \(text(limit)) for \(quiet) s; before"
    Self.logger.notice(
      "plugin \(label) \(cause), \(refusals(end.refused)) in \(end.duration / 1_000_000) ms",
      metadata: [LogField.plugin: "\(label)", "refused": "\(end.refused)"])
  }

  /// "12 requests were refused".
  private func refusals(_ count: Int) -> String {
    let noun =
      switch resource {
      case .requests: "request"
      case .jobs: "job"
      case .threads: "request or job"
      case .alloc: "allocation"
      }
    let subject = count == 1 ? "1 \(noun)" : resource == .threads ? "\(count) requests or jobs" : count.pluralized(noun)
    return "\(subject) \(count == 1 ? "was" : "were") refused"
  }

  /// "requests in [plugin.hello.limits]".
  var key: String { "\(resource.rawValue) in [plugin.\(plugin).limits]" }
}
