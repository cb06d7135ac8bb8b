internal import AmbitRuntime
internal import AmbitSystem
internal import Logging

/// What the server has to say on its own account.
enum HTTPLog {
  private static let logger = Logger(label: "ambit.http")

  static func cannotListen(_ error: SystemError) {
    logger.error("a loop does not accept connections: \(error)")
  }

  static func cannotWatch(_ error: SystemError) {
    logger.error("cannot accept connections: \(error); trying again every 100 ms, \(LogRateLimit.note)")
  }

  static func cannotServe(_ error: SystemError) {
    logger.error("a connection is closed: \(error); \(LogRateLimit.note)")
  }

  static func keepsDescriptors(from limit: Int32) {
    logger.error(
      """
      cannot accept connections: all descriptors below \(limit) are taken, and the rest is kept for reloads and the admin \
      API; more than that takes a higher limit, ulimit -n; trying again every 100 ms, \(LogRateLimit.note)
      """)
  }

  static func cannotAccept(_ code: Int32) {
    logger.error("cannot accept connections: \(SystemError.text(code)); trying again every 100 ms, \(LogRateLimit.note)")
  }
}
