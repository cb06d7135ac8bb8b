extension Duration {
  /// The duration in nanoseconds, as the host's timers count. Fractions of a nanosecond are dropped, and durations that
  /// do not fit in 64 bits become the greatest or least value.
  public var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    return overflow || carry ? (seconds < 0 ? .min : .max) : sum
  }

  /// The duration in seconds if they are whole, else in milliseconds: "10s", "250ms".
  public var shortText: String {
    let (seconds, attoseconds) = components
    return attoseconds == 0 ? "\(seconds)s" : "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms"
  }
}
