internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import Logging

/// Limits the log lines that clients can cause at will, because they send too much, too little or not what HTTP asks
/// for: one line for each condition in the interval of `LogRateLimit`. A value for one loop.
struct ClientErrorLog {
  /// What clients do, by the status code of the response.
  private static var statuses: InlineArray<6, Int> { [400, 408, 413, 414, 431, clientLeft] }
  /// In place of a status code: the client has left, so it gets no response.
  static var clientLeft: Int { 0 }

  private var limits = InlineArray<6, LogRateLimit>(repeating: LogRateLimit())

  /// The end of a line about this status that may be logged at `now`, monotonic nanoseconds; nil if it is left out.
  mutating func note(_ status: Int, at now: Int64) -> String? {
    for index in limits.indices where Self.statuses[index] == status { return limits[index].note(at: now) }
    return nil
  }

  /// Whether the host logs that it answers with this status by itself.
  fileprivate static func leavesLine(_ status: Int) -> Bool {
    switch status {
    case 408, 413, 414, 431: true
    default: false
    }
  }
}

extension UnsafeMutablePointer<Exchange> {
  /// The end of a line at info about something that clients can cause at will; nil if the line is left out.
  func clientErrorNote(_ status: Int) -> String? {
    guard PluginLog.writes(.info) else { return nil }
    return pointee.server.pointee.clientErrorLog.note(status, at: pointee.server.pointee.loop.pointee.now)
  }

  /// Logs that the host answers with this status: with the plugin, route and request, or else with the route, if that
  /// is known, and with the client. If `isLimited`, only some statuses leave a line, at most every 10 s. Otherwise the
  /// response shows the client the identifier of the request, so each leaves one.
  func reportAnswer(_ status: Int, _ text: String, route: RoutePointer?, isLimited: Bool) {
    let milliseconds = (pointee.server.pointee.loop.pointee.now - pointee.record.startedAt) / 1_000_000
    let line = "answered \(status) after \(milliseconds) ms: \(text)"
    guard isLimited else { return PluginLog.write(status == 500 ? .warning : .info, scope, line) }
    guard ClientErrorLog.leavesLine(status), let note = clientErrorNote(status) else { return }
    guard !isDispatched else { return PluginLog.write(.info, scope, "\(line); \(note)") }
    var fields: Logger.Metadata = ["peer": "\(pointee.carrier?.peer.text ?? "gone")"]
    if let pattern = route?.pointee.pattern {
      let bytes = UnsafeRawBufferPointer(start: pattern.ptr, count: pattern.len)
      fields[LogField.label] = "\(String(decoding: bytes, as: UTF8.self))"
    }
    HTTPLog.answeredClientError("\(line); \(note)", fields)
  }
}
