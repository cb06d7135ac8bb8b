internal import AmbitCore
public import Logging
internal import Synchronization

/// Writes each log event as one line to standard error. Lines of different threads do not mix.
public struct LineLogHandler: LogHandler {
  public enum Format: Sendable {
    /// `2026-01-31T12:00:00.000Z INFO  message field=value`
    case text
    /// One JSON object per line: time, level, message, and the fields.
    case json
  }

  /// The level of all loggers, unless one has a level of its own.
  public var logLevel: Logger.Level {
    get { ownLevel ?? threshold.level }
    set { ownLevel = newValue }
  }
  public var metadata: Logger.Metadata = [:]
  private let threshold: LogThreshold
  private var ownLevel: Logger.Level?
  private let format: Format

  public init(threshold: LogThreshold, format: Format) {
    self.threshold = threshold
    self.format = format
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let fields = LogField.inOrder(metadata.merging(event.metadata ?? [:]) { $1 })
    LineOutput.standardError.write(Self.line(event.level, event.message.description, fields, format))
  }

  /// The line that replaces `count` lines which were dropped.
  public func lossLine(for count: Int) -> String {
    let message = "lines dropped here: the reader of the log was too slow, or its disk was full"
    return Self.line(.warning, message, [("lines", "\(count)")], format)
  }

  package static func line(
    _ level: Logger.Level, _ message: String, _ fields: [(key: String, value: String)], _ format: Format
  ) -> String {
    switch format {
    case .text: TextLine.make(level: level, message: message, fields: fields) + "\n"
    case .json: JSONLine.make(level: level, message: message, fields: fields) + "\n"
    }
  }
}

/// The lowest level that the loggers of a process write. It may change while they are used, from any thread.
public final class LogThreshold: Sendable {
  private static let levels = Logger.Level.allCases
  private let index: Atomic<Int>

  public init(_ level: Logger.Level) { index = Atomic(Self.levels.firstIndex(of: level)!) }

  public var level: Logger.Level {
    get { Self.levels[index.load(ordering: .relaxed)] }
    set { index.store(Self.levels.firstIndex(of: newValue)!, ordering: .relaxed) }
  }
}

/// Passes each log event on, so that another process can write it.
public struct RelayLogHandler: LogHandler {
  /// A log event in plain values: the level's name, the message, and the fields in the order in which lines show them.
  public struct Event: Codable, Sendable, Equatable {
    public let level: String
    public let message: String
    public let fields: [Field]

    public init(level: String, message: String, fields: [Field]) {
      self.level = level
      self.message = message
      self.fields = fields
    }
  }

  public struct Field: Codable, Sendable, Equatable {
    public let key: String
    public let value: String

    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]
  private let relay: @Sendable (Event) -> Void

  public init(level: Logger.Level, relay: @escaping @Sendable (Event) -> Void) {
    logLevel = level
    self.relay = relay
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }
      .map { Field(key: $0.key, value: $0.value.description) }
      .sorted { LogField.precedes($0.key, $1.key) }
    relay(Event(level: event.level.rawValue, message: event.message.description, fields: fields))
  }
}
