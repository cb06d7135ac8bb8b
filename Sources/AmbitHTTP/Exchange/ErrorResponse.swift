internal import AmbitCore
internal import AmbitRuntime

/// The host's own responses: a status and one line that says why.
enum ErrorResponse {
  /// Responds with `text` behind the status and its reason.
  /// - Parameters:
  ///   - allow: the value of the `Allow` field; nil without one.
  ///   - closing: whether the connection ends with this response.
  // Out of line, so that nothing of it lies in the way of other requests.
  @inline(never)
  static func send(
    on exchange: ExchangePointer, status: Int, text: some CustomStringConvertible, allow: String? = nil,
    closing: Bool = false
  ) {
    guard let connection = exchange.pointee.connection, exchange.pointee.response.phase == .unbegun else { return }
    if closing { connection.pointee.flags.insert(.closeAfterResponse) }
    var line = "\(status) \(ReasonPhrase.text(for: status)): \(text)\n"
    exchange.pointee.response.lines = HeaderLines()
    var contentType = allow.map { "text/plain\r\nAllow: \($0)" } ?? "text/plain"
    line.withUTF8 { line in
      contentType.withUTF8 { contentType in
        _ = ResponseWriter.respond(
          to: exchange, status: status, contentType: UnsafeRawBufferPointer(contentType),
          body: UnsafeRawBufferPointer(line))
      }
    }
  }
}
