internal import AmbitCore
internal import AmbitRuntime

/// Writes the head of a response, and a small body with it, behind what is pending (RFC 9112, section 4).
enum ResponseHead {
  /// All that is not the preamble, the plugin's lines or the content type takes less.
  private static var room: Int { 256 }

  /// - Parameters:
  ///   - length: of the body; nil: in chunks, or up to the close of the connection for HTTP/1.0.
  ///   - body: what goes out with the head, unless the response turns out to have no body.
  @inline(__always)
  static func write(
    _ request: RequestPointer, _ connection: ConnectionPointer, status: Int, contentType: UnsafeRawBufferPointer?,
    length: Int64?, body: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    let server = request.pointee.server
    let lines = request.pointee.response.lines.bytes
    let now = server.pointee.loop.pointee.now
    let route = server.pointee.options.exposesGeneration ? request.pointee.route : nil
    let generation = route?.pointee.generation.pointee.labelBytes
    let variable = lines.count &+ (contentType?.count ?? 0) &+ (generation?.count ?? 0) &+ body.count
    var writer = ByteWriter(connection.reserve(Preamble.capacity &+ Self.room &+ variable))
    if status == 200 {
      server.pointee.preamble.write(to: &writer, now: now)
    } else {
      writeStatusLine(status, to: &writer)
      server.pointee.preamble.writeFields(to: &writer, now: now)
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
    writeFraming(request, status: status, length: length, to: &writer, on: connection)
    writeConnection(request, to: &writer, on: connection)
    writer.write("\r\n")
    if !request.pointee.response.isBodyless { writer.write(body) }
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
    _ request: RequestPointer, status: Int, length: Int64?, to writer: inout ByteWriter,
    on connection: ConnectionPointer
  ) {
    let hasNoLength = status == 204 || status == 304 || status < 200
    request.pointee.response.isBodyless = hasNoLength || request.pointee.head.method == .head
    if hasNoLength { return }
    if let length {
      writer.write("Content-Length: ")
      writer.write(decimal: length)
      writer.write("\r\n")
    } else if request.pointee.head.minorVersion >= 1 {
      request.pointee.response.isChunked = true
      writer.write("Transfer-Encoding: chunked\r\n")
    } else {
      connection.pointee.flags.insert(.closing)
    }
  }

  @inline(__always)
  private static func writeConnection(
    _ request: RequestPointer, to writer: inout ByteWriter, on connection: ConnectionPointer
  ) {
    if !request.pointee.head.keepsAlive {
      connection.pointee.flags.formUnion([.closing, .lastRequest])
    } else if request.pointee.server.pointee.isDraining {
      connection.pointee.flags.insert(.closing)
    }
    if connection.pointee.flags.contains(.closing) {
      writer.write("Connection: close\r\n")
    } else if request.pointee.head.minorVersion == 0 {
      writer.write("Connection: keep-alive\r\n")
    }
  }
}
