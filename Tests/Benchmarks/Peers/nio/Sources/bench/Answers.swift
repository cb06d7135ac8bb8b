import NIOCore
import NIOHTTP1

/// Answers the requests of one connection, each when it is complete.
final class Answers: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private static let plain = ByteBuffer(string: "Hello, World!")
  private static let hello = ByteBuffer(string: "Hello, World!\n")
  private static let large = ByteBuffer(repeating: 0, count: 64 * 1024)

  private var head: HTTPRequestHead?
  private var body: ByteBuffer?

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body(var piece):
      if body == nil { body = piece } else { body?.writeBuffer(&piece) }
    case .end:
      guard let head else { return }
      answer(head, context)
      self.head = nil
      body = nil
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.flush()
  }

  private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let (status, type, bytes): (HTTPResponseStatus, String, ByteBuffer?) =
      switch (request.method, request.uri) {
      case (.GET, "/plain"): (.ok, "text/plain; charset=utf-8", Self.plain)
      case (.GET, "/large"): (.ok, "application/octet-stream", Self.large)
      case (.POST, "/echo"): (.ok, "application/octet-stream", body)
      case (.GET, let path) where path.hasPrefix("/hello/"): (.ok, "text/plain; charset=utf-8", Self.hello)
      default: (.notFound, "text/plain", nil)
      }
    var headers: HTTPHeaders = ["content-type": type, "content-length": "\(bytes?.readableBytes ?? 0)"]
    if !request.isKeepAlive { headers.add(name: "connection", value: "close") }
    let head = HTTPResponseHead(version: request.version, status: status, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if let bytes { context.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil) }
    guard !request.isKeepAlive else { return context.write(wrapOutboundOut(.end(nil)), promise: nil) }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    context.close(promise: nil)
  }
}
