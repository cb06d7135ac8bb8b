internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// The log lines of servers and listeners.
enum HTTPLog {
  private static let logger = Logger(label: "ambit.http")

  static func cannotListen(_ error: SystemError) {
    logger.error("cannot accept connections on one event loop: \(error); the other loops accept them")
  }

  static func cannotWatch(_ error: SystemError) {
    logger.error("cannot accept connections: \(error); trying again every 100 ms, \(LogRateLimit.note)")
  }

  static func cannotServe(_ error: SystemError) {
    logger.error("cannot serve a connection, which is closed: \(error); \(LogRateLimit.note)")
  }

  static func keepsDescriptors(from limit: Int32) {
    logger.error(
      """
      cannot accept connections: all file descriptors below \(limit) are in use, and the rest is reserved for reloads \
      and the admin API; raise the limit with ulimit -n to serve more clients; trying again every 100 ms, \
      \(LogRateLimit.note)
      """)
  }

  static func cannotAccept(_ code: Int32) {
    logger.error(
      "cannot accept connections: \(SystemError.text(code)); trying again every 100 ms, \(LogRateLimit.note)")
  }
}
