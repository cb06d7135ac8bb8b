package import Logging

/// Writes each log event as one line to standard error, in one system call: lines of several threads do not mix.
package struct LineLogHandler: LogHandler {
  package enum Format: Sendable {
    /// `2026-01-31T12:00:00.000Z INFO  message field=value`
    case text
    /// One JSON object: time, level, message, and the fields.
    case json
  }

  package var logLevel: Logger.Level
  package var metadata: Logger.Metadata = [:]
  private let format: Format

  package init(level: Logger.Level, format: Format) {
    logLevel = level
    self.format = format
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }
      .map { (key: $0.key, value: $0.value.description) }
      .sorted { LogField.precedes($0.key, $1.key) }
    let line =
      switch format {
      case .text: TextLine.make(level: event.level, message: event.message.description, fields: fields)
      case .json: JSONLine.make(level: event.level, message: event.message.description, fields: fields)
      }
    HostProcess.writeError(line + "\n")
  }
}
