public import Logging

/// Writes each log event as one line to standard error: lines of several threads do not mix.
public struct LineLogHandler: LogHandler {
  public enum Format: Sendable {
    /// `2026-01-31T12:00:00.000Z INFO  message field=value`
    case text
    /// One JSON object: time, level, message, and the fields.
    case json
  }

  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]
  private let format: Format

  public init(level: Logger.Level, format: Format) {
    logLevel = level
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

  /// The line that stands for so many others, which were left out.
  public func lossLine(for count: Int) -> String {
    Self.line(.warning, "the log was not read in time: lines are left out here", [("lines", "\(count)")], format)
  }

  static func line(
    _ level: Logger.Level, _ message: String, _ fields: [(key: String, value: String)], _ format: Format
  ) -> String {
    switch format {
    case .text: TextLine.make(level: level, message: message, fields: fields) + "\n"
    case .json: JSONLine.make(level: level, message: message, fields: fields) + "\n"
    }
  }
}
