extension Unicode.Scalar {
  /// Whether it may end a line or steer a terminal: no log line contains it as it is.
  public var isControl: Bool {
    value < 0x20 || (0x7F...0x9F).contains(value) || (0x2028...0x2029).contains(value)
  }
}
