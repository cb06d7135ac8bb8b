internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import Logging

/// Limits the log lines about requests that end because their clients send too much, or because they take too long: one
/// line for each status in the interval of `LogRateLimit`. A value for one loop.
struct ClientErrorLog {
  /// The status codes that leave a line.
  private static var statuses: InlineArray<5, Int> { [408, 413, 414, 431, 504] }

  private var limits = InlineArray<5, LogRateLimit>(repeating: LogRateLimit())
  private var leftOut = InlineArray<5, Int>(repeating: 0)

  /// Whether a line about a response with this status may be logged at `now`, monotonic nanoseconds.
  /// - Returns: how many were left out since the last line; nil if this one is left out too, or leaves no line.
  mutating func permits(_ status: Int, at now: Int64) -> Int? {
    for index in limits.indices where Self.statuses[index] == status {
      guard limits[index].permits(at: now) else {
        leftOut[index] += 1
        return nil
      }
      defer { leftOut[index] = 0 }
      return leftOut[index]
    }
    return nil
  }
}

extension UnsafeMutablePointer<Exchange> {
  /// Logs that the host answers with this status, if that status leaves a line: with the plugin, route and scope of the
  /// request, or else with its route, if that is known, and with its client.
  func reportClientError(_ status: Int, _ text: String, route: RoutePointer?) {
    let now = pointee.server.pointee.loop.pointee.now
    guard let leftOut = pointee.server.pointee.clientErrorLog.permits(status, at: now) else { return }
    let milliseconds = (now - pointee.record.startedAt) / 1_000_000
    let more = leftOut > 0 ? ", \(leftOut) more since the last line" : ""
    let line = "answered \(status) after \(milliseconds) ms: \(text); \(LogRateLimit.note)\(more)"
    guard !isDispatched else { return PluginLog.write(.info, scope, line) }
    var fields: Logger.Metadata = ["peer": "\(pointee.carrier?.peer.text ?? "gone")"]
    if let pattern = route?.pointee.pattern {
      let bytes = UnsafeRawBufferPointer(start: pattern.ptr, count: pattern.len)
      fields[LogField.label] = "\(String(decoding: bytes, as: UTF8.self))"
    }
    HTTPLog.answeredClientError(line, fields)
  }
}
