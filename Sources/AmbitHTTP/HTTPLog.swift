internal import AmbitRuntime
internal import Logging

/// What the server has to say on its own account.
enum HTTPLog {
  private static let logger = Logger(label: "ambit.http")

  static func cannotListen(_ error: SystemError) {
    logger.error("a loop does not accept connections: \(error)")
  }

  static func cannotWatch(_ error: SystemError) {
    logger.error("cannot accept connections: \(error); trying again every 100 ms, told every 10 s")
  }

  static func cannotServe(_ error: SystemError) {
    logger.error("a connection is closed: \(error); told every 10 s")
  }

  static func cannotAccept(_ code: Int32) {
    logger.error("cannot accept connections: \(SystemError.text(code)); trying again every 100 ms, told every 10 s")
  }
}
