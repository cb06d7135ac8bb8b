internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Glibc

// A response, as HTTP/1 carries it: written behind the bytes that are pending (RFC 9112, section 4).

extension HTTP1Connection {
  /// Bodies up to this size are copied behind their head, or behind the size of their chunk, and sent in one piece with
  /// it; larger ones are sent from where they are.
  static var largestCopy: Int { 8192 }

  /// Enough bytes for a head without the prefix, the plugin's lines and the given values.
  private static var room: Int { 256 }

  /// Writes the head, and a small body with it.
  /// - Parameters:
  ///   - allow: the value of an `Allow` field; nil without one.
  ///   - length: of the body; nil: in chunks, or up to the close of the connection for HTTP/1.0.
  ///   - body: goes out with the head, unless the response turns out to have no body.
  @inline(__always)
  func sendHead(
    of exchange: ExchangePointer, status: Int, contentType: UnsafeRawBufferPointer?, allow: UnsafeRawBufferPointer?,
    length: Int64?, body: UnsafeRawBufferPointer
  ) {
    let server = exchange.pointee.server
    let lines = exchange.pointee.response.lines.bytes
    let now = server.pointee.loop.pointee.now
    let route = server.pointee.options.exposesGeneration ? exchange.pointee.route : nil
    let generation = route?.pointee.generation.pointee.labelBytes
    let variable =
      lines.count &+ (contentType?.count ?? 0) &+ (allow?.count ?? 0) &+ (generation?.count ?? 0) &+ body.count
    var writer = ByteWriter(transport.reserve(ResponsePrefix.capacity &+ Self.room &+ variable))
    if status == 200 {
      server.pointee.responsePrefix.write(to: &writer, now: now)
    } else {
      writeStatusLine(status, to: &writer)
      server.pointee.responsePrefix.writeFields(to: &writer, now: now)
    }
    if let contentType { writer.write("Content-Type: ", contentType) }
    if let allow { writer.write("Allow: ", allow) }
    writer.write(lines)
    if let generation { writer.write("Ambit-Generation: ", generation) }
    writeFraming(of: exchange, status: status, length: length, to: &writer)
    writeConnection(of: exchange, to: &writer)
    writer.write("\r\n")
    if !exchange.pointee.response.isBodyless { writer.write(body) }
    transport.didWrite(writer.count)
    exchange.pointee.record.bytesSent &+= Int64(writer.count)
  }

  private func writeStatusLine(_ status: Int, to writer: inout ByteWriter) {
    writer.write("HTTP/1.1 ")
    writer.write(decimal: Int64(status))
    writer.write(" ")
    writer.write(ReasonPhrase.text(for: status))
    writer.write("\r\n")
  }

  /// Writes how the client finds the end of the body (RFC 9112, section 6.3).
  @inline(__always)
  private func writeFraming(of exchange: ExchangePointer, status: Int, length: Int64?, to writer: inout ByteWriter) {
    let mayHaveContent = Response.mayHaveContent(status)
    exchange.pointee.response.isBodyless = !mayHaveContent || exchange.pointee.head.method == .head
    exchange.pointee.http1.isChunked = false
    if !mayHaveContent {
      // The only one of them whose length a client may look for (RFC 9110, section 15.3.6).
      if status == 205 { writer.write("Content-Length: 0\r\n") }
      return
    }
    if let length {
      writer.write("Content-Length: ")
      writer.write(decimal: length)
      writer.write("\r\n")
    } else if exchange.pointee.http1.parser.http1.minorVersion >= 1 {
      exchange.pointee.http1.isChunked = !exchange.pointee.response.isBodyless
      writer.write("Transfer-Encoding: chunked\r\n")
    } else {
      connection.pointee.http1.closeAfterResponse = true
    }
  }

  /// Writes whether the connection stays (RFC 9112, section 9.6).
  @inline(__always)
  private func writeConnection(of exchange: ExchangePointer, to writer: inout ByteWriter) {
    if !exchange.pointee.http1.parser.http1.keepsAlive {
      connection.pointee.http1.closeAfterResponse = true
      connection.pointee.http1.peerSentClose = true
    } else if exchange.pointee.server.pointee.isDraining {
      connection.pointee.http1.closeAfterResponse = true
    }
    if connection.pointee.http1.closeAfterResponse {
      writer.write("Connection: close\r\n")
    } else if exchange.pointee.http1.parser.http1.minorVersion == 0 {
      writer.write("Connection: keep-alive\r\n")
    }
  }

  /// Sends a piece of the body at once; waits as `job` while the client is slow. `.wrongState` while another job
  /// writes.
  func send(
    _ bytes: UnsafeRawBufferPointer, of exchange: ExchangePointer, job: JobPointer, scope: ScopePointer
  ) -> Status {
    let isChunked = exchange.pointee.http1.isChunked
    if isChunked {
      var writer = ByteWriter(transport.reserve(18))
      writer.write(hexadecimal: bytes.count)
      writer.write("\r\n")
      transport.didWrite(writer.count)
      exchange.pointee.record.bytesSent &+= Int64(writer.count &+ 2)
    }
    guard isChunked, bytes.count <= Self.largestCopy else {
      let (status, sent) = transport.send(bytes, job: job, scope: scope)
      exchange.pointee.record.bytesSent &+= Int64(sent)
      if isChunked, status == .ok { transport.append(.literal("\r\n")) }
      return status
    }
    transport.append(bytes)
    transport.append(.literal("\r\n"))
    exchange.pointee.record.bytesSent &+= Int64(bytes.count)
    return transport.send(.literal(""), job: job, scope: scope).status
  }

  /// Ends the body. If another job than the connection's ends it, the response is sent now, because the connection's
  /// job may run late. Otherwise the serve loop sends it together with the responses to the next requests.
  @inline(__always)
  func end(_ exchange: ExchangePointer) {
    if exchange.pointee.http1.isChunked {
      transport.append(.literal("0\r\n\r\n"))
      exchange.pointee.record.bytesSent &+= 5
    }
    if connection.loop.pointee.current != job { transport.flushWithoutWaiting() }
  }
}

extension HTTP1Connection {
  /// Whether a job waits for room to send the rest of a piece.
  @inline(__always)
  var isSending: Bool { connection.pointee.transport.outputWaiter != nil }

  /// Sends the bytes that are pending, as far as the kernel takes them now, unless a job is sending already.
  func flushUnlessAwaited() {
    if !isSending { transport.flushWithoutWaiting() }
  }
}

/// The first lines of every response: the status line of 200, `Server` and `Date`. They are made once a second and
/// copied into each response.
struct ResponsePrefix {
  private static var statusLine: StaticString { "HTTP/1.1 200 OK\r\n" }
  /// How many bytes a writer must have reserved, although the prefix may be shorter.
  static var capacity: Int { 128 }

  private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.capacity, alignment: 16)
  private var length = 0
  /// When the date changes, monotonic nanoseconds.
  private var due = Int64.min

  /// Writes the status line and the fields, at `now` (monotonic, nanoseconds).
  @inline(__always)
  mutating func write(to writer: inout ByteWriter, now: Int64) {
    if now >= due { renew(now: now) }
    writer.write(firstOf: memory.baseAddress!, within: Self.capacity, count: length)
  }

  /// Writes the fields alone.
  mutating func writeFields(to writer: inout ByteWriter, now: Int64) {
    if now >= due { renew(now: now) }
    writer.write(UnsafeRawBufferPointer(rebasing: memory[Self.statusLine.utf8CodeUnitCount..<length]))
  }

  private mutating func renew(now: Int64) {
    let wall = Clock.wall
    due = now + 1_000_000_000 - wall % 1_000_000_000
    length = 0
    append(.literal(Self.statusLine))
    append(.literal("Server: ambit/"))
    append(.literal(AmbitVersion.text))
    append(.literal("\r\nDate: "))
    let date = HTTPDate(unixSeconds: wall / 1_000_000_000)
    for index in date.bytes.indices { memory[length + index] = date.bytes[index] }
    length += date.bytes.count
    append(.literal("\r\n"))
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    memcpy(memory.baseAddress! + length, bytes.baseAddress!, bytes.count)
    length += bytes.count
  }
}
