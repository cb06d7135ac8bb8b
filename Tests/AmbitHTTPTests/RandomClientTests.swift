import AmbitRuntime
import CAmbit
import TestSupport
import Testing

@testable import AmbitHTTP

/// Clients that send random requests in random pieces and leave at random, against what the server must answer.
@Suite struct RandomClients {
  @Test(arguments: 0..<24)
  func `Random clients get the responses to their requests, in order, however the bytes are cut`(seed: Int) throws {
    let server = try TestServer(RandomRequest.routes, threads: 2)
    var random = SeededGenerator(seed: UInt64(seed))
    for _ in 0..<6 {
      var requests = (0..<random.number(1...60)).map { _ in RandomRequest(&random) }
      if random.chance(30) { requests.append(RandomRequest.last) }
      let client = try Client(server, receiveBuffer: random.chance(30) ? 4096 : nil)
      let leavesAfter = random.chance(40) ? random.number(0...requests.count) : requests.count
      try exchange(requests, client, leavesAfter: leavesAfter, &random)
      if random.chance(50) { client.reset() } else { client.close() }
    }
    #expect(server.finalCounts == TestServer.Counts())
  }

  /// Sends the requests in pieces while it reads the responses; stops after `leavesAfter` of these.
  private func exchange(
    _ requests: [RandomRequest], _ client: Client, leavesAfter: Int, _ random: inout SeededGenerator
  ) throws {
    let bytes = requests.flatMap(\.bytes)
    let sender = Sender(client, bytes, seed: random.next())
    for (index, request) in requests.prefix(leavesAfter).enumerated() {
      let reply = try sender.reply(toHead: request.isHead)
      let isRight = reply.status == request.status && (request.body == nil || reply.body == request.body)
      #expect(isRight, "request \(index): \(request.name) got \(reply.status) with \(reply.body.count) bytes")
      if !isRight { return }
    }
  }
}

/// Sends while it waits for replies, so that neither side waits for the other for ever.
private struct Sender {
  private let client: Client
  private let bytes: [UInt8]
  private let cuts: Shared<UnsafeMutablePointer<(sent: Int, random: SeededGenerator)>>

  init(_ client: Client, _ bytes: [UInt8], seed: UInt64) {
    self.client = client
    self.bytes = bytes
    cuts = Shared(value: .allocate(capacity: 1))
    cuts.value.initialize(to: (0, SeededGenerator(seed: seed)))
    let (state, bytes) = (cuts, bytes)
    client.beforeReceiving = {
      while state.value.pointee.sent < bytes.count {
        client.waitForProgress(orWritable: true)
        if client.isReadable { return }
        let longest = state.value.pointee.random.chance(50) ? 20 : 30_000
        let piece = state.value.pointee.random.number(1...longest)
        let sent = state.value.pointee.sent
        state.value.pointee.sent += client.sendWithoutWaiting(bytes[sent..<min(sent + piece, bytes.count)])
      }
    }
  }

  func reply(toHead: Bool) throws -> ReceivedResponse { try client.reply(toHead: toHead) }
}

/// A request, and what it must be answered with.
private struct RandomRequest {
  let name: String
  let bytes: [UInt8]
  var isHead = false
  var status = 200
  /// nil: not looked at.
  var body: [UInt8]?

  static let routes = [
    TestRoute("GET /ok", Handlers.ok),
    TestRoute("POST /ok", Handlers.ok),
    TestRoute("POST /echo", Handlers.echo),
    TestRoute("POST /stream", streamBack),
    TestRoute("GET /yield") { scope in
      _ = ambit_yield(scope)
      return ambit_respond(scope, 200, nil, "yielded", 7)
    },
    TestRoute("GET /sleep") { scope in
      _ = ambit_sleep(scope, 1)
      return ambit_respond(scope, 200, nil, "slept", 5)
    },
    TestRoute("GET /pending") { scope in
      leaveTo(scope) { scope, _ in
        _ = ambit_sleep(scope, 1)
        return ambit_respond(scope, 200, nil, "pending", 7)
      }
    },
    TestRoute("POST /pending") { scope in
      leaveTo(scope) { scope, _ in
        _ = ambit_yield(scope)
        return Handlers.echo(scope)
      }
    },
    TestRoute("POST /thread", isBlocking: true, Handlers.echo),
    TestRoute("POST /threadstream", isBlocking: true, streamBack),
    TestRoute("GET /background") { scope in
      let sleep: ambit_job_fn = { scope, _ in ambit_sleep(scope, 60_000_000_000) }
      for _ in 0..<3 { _ = ambit_spawn(scope, sleep, nil, nil, nil) }
      return AMBIT_OK
    },
    TestRoute("GET /large") { scope in
      let size = 300_000
      return ambit_respond(scope, 200, nil, ambit_alloc(scope, size), size)
    },
  ]

  static let last = RandomRequest(
    name: "last", bytes: Array("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8), body: Array("ok".utf8))

  private init(name: String, bytes: [UInt8], isHead: Bool = false, status: Int = 200, body: [UInt8]? = nil) {
    self.name = name
    self.bytes = bytes
    self.isHead = isHead
    self.status = status
    self.body = body
  }

  init(_ random: inout SeededGenerator) {
    switch random.number(0...13) {
    case 0: self.init(get: "/ok", body: "ok")
    case 1: self.init(name: "HEAD", bytes: Array("HEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n".utf8), isHead: true)
    case 2: self.init(name: "missing", bytes: Array("GET /no HTTP/1.1\r\nHost: a\r\n\r\n".utf8), status: 404)
    case 3: self.init(name: "method", bytes: Array("PUT /ok HTTP/1.1\r\nHost: a\r\n\r\n".utf8), status: 405)
    case 4: self.init(get: "/yield", body: "yielded")
    case 5: self.init(get: "/sleep", body: "slept")
    case 6: self.init(get: "/pending", body: "pending")
    case 7: self.init(get: "/background", body: "")
    case 8: self.init(name: "large", bytes: Self.head("GET", "/large"), body: [UInt8](repeating: 0, count: 300_000))
    case 9: self.init(post: "/stream", &random)
    case 10: self.init(post: "/pending", &random)
    case 11: self.init(post: "/thread", &random)
    case 12: self.init(post: "/threadstream", &random)
    default: self.init(post: "/echo", &random)
    }
  }

  private static func head(_ method: String, _ path: String, fields: String = "", filler: Int = 0) -> [UInt8] {
    let filler = filler == 0 ? "" : "X-Filler: \(String(repeating: "x", count: filler))\r\n"
    return Array("\(method) \(path) HTTP/1.1\r\nHost: a\r\n\(filler)\(fields)\r\n".utf8)
  }

  private init(get path: String, body: String) {
    self.init(name: path, bytes: Self.head("GET", path), body: Array(body.utf8))
  }

  /// A body with a length or in random chunks.
  private init(post path: String, _ random: inout SeededGenerator) {
    let size = random.number(0...(random.chance(20) ? 100_000 : 300))
    let body = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let filler = random.chance(10) ? random.number(1...30_000) : 0
    if random.chance(50) {
      let head = Self.head("POST", path, fields: "Content-Length: \(size)\r\n", filler: filler)
      self.init(name: "POST \(path) \(size)", bytes: head + body, body: body)
      return
    }
    var bytes = Self.head("POST", path, fields: "Transfer-Encoding: chunked\r\n", filler: filler)
    var rest = body[...]
    while !rest.isEmpty {
      let chunk = rest.prefix(random.number(1...max(1, min(rest.count, 5000))))
      bytes +=
        Array("\(String(chunk.count, radix: 16))\(random.chance(20) ? ";a=\"b\"" : "")\r\n".utf8) + chunk + [13, 10]
      rest = rest.dropFirst(chunk.count)
    }
    bytes += Array("0\r\n\(random.chance(20) ? "Trailer: x\r\n" : "")\r\n".utf8)
    self.init(name: "POST \(path) \(size) in chunks", bytes: bytes, body: body)
  }
}

/// Sends the body back as it comes.
private let streamBack: ambit_handler = { scope in
  var bytes = [UInt8](repeating: 0, count: 10_000)
  _ = ambit_begin(scope, 200, -1)
  while true {
    let count = ambit_read(scope, &bytes, bytes.count)
    if count == 0 { return ambit_end(scope) }
    guard count > 0 else { return Int32(count) }
    let status = ambit_write(scope, bytes, Int(count))
    guard status == AMBIT_OK else { return status }
  }
}
