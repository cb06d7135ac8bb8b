import NIOCore
import NIOHTTP1
import NIOPosix

/// What the benchmarks ask of SwiftNIO: its HTTP/1 pipeline as it comes, on one thread.
@main
enum Bench {
  static func main() throws {
    guard CommandLine.arguments.count == 2, let port = Int(CommandLine.arguments[1]) else {
      fatalError("usage: bench PORT")
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 4096)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Answers())
        }
      }
    try bootstrap.bind(host: "127.0.0.1", port: port).wait().closeFuture.wait()
  }
}
