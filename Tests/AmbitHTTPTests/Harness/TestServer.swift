import AmbitCore
import AmbitRuntime
import AmbitSystem
import CAmbit
import CLinux
import Glibc
import TestSupport
import Testing

@testable import AmbitHTTP

/// A route of a test: a pattern, and the handler or the C function behind it.
struct TestRoute: @unchecked Sendable {
  let pattern: String
  let isBlocking: Bool
  let finishesOnDisconnect: Bool
  let function: EntryPoint.Function

  init(
    _ pattern: String, isBlocking: Bool = false, finishesOnDisconnect: Bool = false,
    _ handler: @escaping ambit_handler
  ) {
    self.pattern = pattern
    self.isBlocking = isBlocking
    self.finishesOnDisconnect = finishesOnDisconnect
    function = .handler(handler)
  }

  init(_ pattern: String, calling function: @escaping ambit_function, _ signature: String, isBlocking: Bool = false)
    throws
  {
    self.pattern = pattern
    self.isBlocking = isBlocking
    finishesOnDisconnect = false
    self.function = .foreign(function, try CSignature(parsing: signature), lane: nil)
  }
}

/// The server of this process, on loops and a port of its own, with one plugin whose handlers are closures.
final class TestServer: Sendable {
  let loops: LoopGroup
  let http: HTTPServer
  let sockets: [ListeningSocket]
  let journal = Journal()
  let address: ListenAddress
  private let generation: Shared<GenerationPointer>

  /// - Parameters:
  ///   - path: the path of a unix socket to listen at, in place of a port that the system chooses.
  ///   - socket: accepts from this one, which it closes at last, in place of one that it opens.
  ///   - sharing: how it shares the socket with servers of other processes.
  init(
    _ routes: [TestRoute], threads: Int = 1, limits: HTTPLimits = HTTPLimits(), path: String? = nil,
    on socket: ListeningSocket? = nil, sharing: AcceptSharing? = nil
  ) throws {
    signal(SIGPIPE, SIG_IGN)
    loops = try LoopGroup(count: threads, table: try HTTPCalls.makeTable(), limits: RuntimeLimits())
    http = HTTPServer(loops: loops, limits: limits, sharing: sharing)
    generation = Self.openGeneration(on: loops)
    generation.value.pointee.state = Unmanaged.passUnretained(journal).toOpaque()
    http.replaceRoutes(by: try Self.bind(routes, to: generation))
    let wanted = path.map { ListenAddress.unix(path: $0) } ?? .internet(address: [127, 0, 0, 1], port: 0)
    sockets = [try socket ?? ListeningSocket(wanted)]
    http.accept(on: sockets)
    let url = sockets[0].url
    address = path == nil ? .internet(address: [127, 0, 0, 1], port: UInt16(url.split(separator: ":").last!)!) : wanted
  }

  /// Stops accepting and closes the socket, as the host does.
  func drain() { sockets.close(isInUse: !http.drain()) }

  deinit {
    drain()
    loops.stop()
  }

  /// Serves other routes from now on.
  func replaceRoutes(by routes: [TestRoute], options: RoutingOptions = RoutingOptions()) throws {
    http.replaceRoutes(by: try Self.bind(routes, to: generation, options: options))
  }

  /// Another generation of the plugin, for `replaceGeneration`.
  func makeGeneration() -> Shared<GenerationPointer> {
    let generation = Self.openGeneration(on: loops)
    generation.value.pointee.state = Unmanaged.passUnretained(journal).toOpaque()
    return generation
  }

  /// Serves the routes of another generation from now on and ends this one, without waiting for loops that do not turn.
  func replaceGeneration(by next: Shared<GenerationPointer>, _ routes: [TestRoute]) throws {
    http.replaceRoutes(by: try Self.bind(routes, to: next), within: 0)
    loops.postUrgentToEach { [generation] loop in
      generation.value.pointee.shards[loop.pointee.index].cancel(.retired)
    }
  }

  private static func bind(
    _ routes: [TestRoute], to generation: Shared<GenerationPointer>, options: RoutingOptions = RoutingOptions()
  ) throws -> RouteSet {
    try RouteSet(
      routes.map { route in
        RouteDeclaration(
          pattern: try RoutePattern(route.pattern),
          entryPoint: EntryPoint(route.function, isBlocking: route.isBlocking, generation: generation.value),
          finishesOnDisconnect: route.finishesOnDisconnect)
      }, options: options)
  }

  /// Opens the scopes of a generation without a plugin file, as `AmbitPlugins` does for one with a file.
  private static func openGeneration(on loops: LoopGroup) -> Shared<GenerationPointer> {
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: loops.loops.count)
    let record = GenerationPointer.allocate(capacity: 1)
    record.initialize(to: Generation(label: "test/1", settings: SettingsTable([]), shards: shards))
    let generation = Shared(value: record)
    loops.onEach { loop in
      let shard = ScopePointer.allocate(capacity: 1)
      shard.open(
        below: loop.pointee.root, kind: .plugin, observer: ScopeObserver(cancelling: { _ in }, closed: { _ in }))
      shard.join(generation.value)
      shard.release()
      generation.value.pointee.shards[loop.pointee.index] = shard
    }
    return generation
  }

  /// Runs `body` while the first loop is blocked, so that the loop then finds all events at once.
  func holdingLoop(_ body: () throws -> Void) rethrows {
    let release = hold(0)
    defer { release() }
    try body()
  }

  /// Keeps a loop from turning until the result is called.
  func hold(_ index: Int) -> () -> Void {
    let (held, released) = (Latch<Int>(), Latch<Int>())
    loops.loops[index].post { _ in
      held.arrive(1)
      _ = released.wait()
    }
    _ = held.wait()
    return { released.arrive(1) }
  }

  /// Requests answered so far. Not while a loop is held.
  var answered: Int { http.reports(within: .max).reduce(0) { $0 + $1.counters.exchanges } }

  /// What is open on all loops, besides the scopes of the host and of the plugin.
  struct Counts: Equatable, Sendable {
    var connections = 0
    var requests = 0
    var scopes = 0
  }

  var counts: Counts {
    loops.onEach { loop in
      Counts(
        connections: ServerPointer.on(loop).pointee.openCount, requests: loop.pointee.liveRequests,
        scopes: loop.pointee.liveScopes - 2)
    }.reduce(Counts()) { sum, part in
      Counts(
        connections: sum.connections + part.connections, requests: sum.requests + part.requests,
        scopes: sum.scopes + part.scopes)
    }
  }

  /// The counts once they are `expected`, or as they are when they have not become so in a minute.
  func counts(becoming expected: Counts) -> Counts {
    eventuallyBlocking(until: { $0 == expected }) { counts }
  }

  /// The counts once all clients have gone: zero, unless something is left over.
  var finalCounts: Counts { counts(becoming: Counts()) }
}

extension ListeningSocket {
  /// The socket as another process receives it, with other numbers.
  func passed() throws -> ListeningSocket {
    let copies = passedDescriptors.map { clinux_duplicate($0) }
    return try #require(ListeningSocket.received([handover], copies).first)
  }
}

extension Client {
  /// Connects to the server's address.
  convenience init(_ server: TestServer, receiveBuffer: Int32? = nil) throws {
    switch server.address {
    case .internet(_, let port): try self.init(port: port, receiveBuffer: receiveBuffer)
    case .unix(let path): try self.init(path: path)
    case .any: throw ClientError(description: "no address to connect to")
    }
  }
}

/// A pointer that the tests share between threads, one after the other.
struct Shared<Value>: @unchecked Sendable {
  let value: Value
}
