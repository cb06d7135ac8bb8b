internal import Glibc

/// Times as RFC 3339 writes them, in UTC with milliseconds.
public enum Timestamp {
  static var now: String { text(of: Clock.wall) }

  /// The text of a time in nanoseconds since 1970-01-01 UTC.
  public static func text(of nanoseconds: Int64) -> String {
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let date = "\(digits(parts.tm_year + 1900, 4))-\(digits(parts.tm_mon + 1, 2))-\(digits(parts.tm_mday, 2))"
    let time = "\(digits(parts.tm_hour, 2)):\(digits(parts.tm_min, 2)):\(digits(parts.tm_sec, 2))"
    return "\(date)T\(time).\(digits(Int32(nanoseconds / 1_000_000 % 1000), 3))Z"
  }

  private static func digits(_ number: Int32, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
