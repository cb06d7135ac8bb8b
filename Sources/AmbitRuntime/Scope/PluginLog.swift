internal import AmbitCore
internal import AmbitSystem
public import Logging

/// Log lines on a plugin's account: each names the plugin with its generation, the
/// scope with its label, and the job.
public enum PluginLog {
  private static let logger = Logger(label: "ambit.plugin")

  /// Whether lines of this level are written. To be asked before a `LogRateLimit`, so that a line that the level drops
  /// does not hide later ones.
  public static func writes(_ level: Logger.Level) -> Bool { level >= logger.logLevel }

  /// Writes a line. On the loop of `scope`.
  public static func write(
    _ level: Logger.Level, _ scope: ScopePointer, job: JobPointer? = nil, isFault: Bool = false,
    _ message: @autoclosure () -> String
  ) {
    guard level >= logger.logLevel else { return }
    logger.log(level: level, "\(message())", metadata: fields(of: scope, job: job, isFault: isFault))
  }

  /// Writes a line with `fields` that were taken from a scope before. From any thread.
  static func write(_ level: Logger.Level, _ fields: Logger.Metadata, _ message: @autoclosure () -> String) {
    guard level >= logger.logLevel else { return }
    logger.log(level: level, "\(message())", metadata: fields)
  }

  /// The fields that name the plugin, the scope with its label, and the job in a line. On the loop of `scope`.
  static func fields(of scope: ScopePointer, job: JobPointer?, isFault: Bool) -> Logger.Metadata {
    var fields = ScopeLabel(scope).fields
    if isFault { fields[LogField.fault] = "plugin" }
    if let name = job?.pointee.name, !name.isEmpty { fields[LogField.job] = "\(String(bytes: name))" }
    return fields
  }
}

extension String {
  /// Text that a plugin gave, which should be UTF-8 and may be anything.
  public init(bytes: UnsafeBufferPointer<UInt8>) {
    self = String(decoding: bytes, as: UTF8.self)
  }
}
