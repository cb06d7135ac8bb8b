internal import AmbitCore
internal import AmbitRuntime

/// Writes the head of a response, and a small body with it, behind what is pending (RFC 9112, section 4).
enum ResponseHead {
  /// All that is not the prefix, the plugin's lines or the content type takes less.
  private static var room: Int { 256 }

  /// - Parameters:
  ///   - length: of the body; nil: in chunks, or up to the close of the connection for HTTP/1.0.
  ///   - body: what goes out with the head, unless the response turns out to have no body.
  @inline(__always)
  static func write(
    _ exchange: ExchangePointer, _ connection: ConnectionPointer, status: Int, contentType: UnsafeRawBufferPointer?,
    length: Int64?, body: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    let server = exchange.pointee.server
    let lines = exchange.pointee.response.lines.bytes
    let now = server.pointee.loop.pointee.now
    let route = server.pointee.options.exposesGeneration ? exchange.pointee.route : nil
    let generation = route?.pointee.generation.pointee.labelBytes
    let variable = lines.count &+ (contentType?.count ?? 0) &+ (generation?.count ?? 0) &+ body.count
    var writer = ByteWriter(connection.reserve(ResponsePrefix.capacity &+ Self.room &+ variable))
    if status == 200 {
      server.pointee.responsePrefix.write(to: &writer, now: now)
    } else {
      writeStatusLine(status, to: &writer)
      server.pointee.responsePrefix.writeFields(to: &writer, now: now)
    }
    if let contentType {
      writer.write("Content-Type: ")
      writer.write(contentType)
      writer.write("\r\n")
    }
    writer.write(lines)
    if let generation {
      writer.write("Ambit-Generation: ")
      writer.write(generation)
      writer.write("\r\n")
    }
    writeFraming(exchange, status: status, length: length, to: &writer, on: connection)
    writeConnection(exchange, to: &writer, on: connection)
    writer.write("\r\n")
    if !exchange.pointee.response.isBodyless { writer.write(body) }
    connection.didWrite(writer.count)
  }

  private static func writeStatusLine(_ status: Int, to writer: inout ByteWriter) {
    writer.write("HTTP/1.1 ")
    writer.write(decimal: Int64(status))
    writer.write(" ")
    writer.write(ReasonPhrase.text(for: status))
    writer.write("\r\n")
  }

  /// How the client finds the end of the body (RFC 9112, section 6.3).
  @inline(__always)
  private static func writeFraming(
    _ exchange: ExchangePointer, status: Int, length: Int64?, to writer: inout ByteWriter,
    on connection: ConnectionPointer
  ) {
    let hasNoLength = status == 204 || status == 304 || status < 200
    exchange.pointee.response.isBodyless = hasNoLength || exchange.pointee.head.method == .head
    if hasNoLength { return }
    if let length {
      writer.write("Content-Length: ")
      writer.write(decimal: length)
      writer.write("\r\n")
    } else if exchange.pointee.head.minorVersion >= 1 {
      exchange.pointee.response.isChunked = true
      writer.write("Transfer-Encoding: chunked\r\n")
    } else {
      connection.pointee.flags.insert(.closeAfterResponse)
    }
  }

  @inline(__always)
  private static func writeConnection(
    _ exchange: ExchangePointer, to writer: inout ByteWriter, on connection: ConnectionPointer
  ) {
    if !exchange.pointee.head.keepsAlive {
      connection.pointee.flags.formUnion([.closeAfterResponse, .peerSentClose])
    } else if exchange.pointee.server.pointee.isDraining {
      connection.pointee.flags.insert(.closeAfterResponse)
    }
    if connection.pointee.flags.contains(.closeAfterResponse) {
      writer.write("Connection: close\r\n")
    } else if exchange.pointee.head.minorVersion == 0 {
      writer.write("Connection: keep-alive\r\n")
    }
  }
}
