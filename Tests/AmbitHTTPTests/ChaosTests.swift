import CAmbit
import Glibc
import TestSupport
import Testing

@testable import AmbitHTTP

/// Everything that goes wrong at once: limits of a few milliseconds, clients that leave, handlers that break the rules.
/// What reaches a client is its own all the same, and nothing is left over.
@Suite struct Chaos {
  @Test(arguments: 0..<16)
  func `Random clients and handlers mix nothing up and leave nothing behind`(seed: Int) throws {
    var limits = HTTPLimits()
    limits.requestTimeout = 2_000_000
    limits.headTimeout = 4_000_000
    limits.idleTimeout = 4_000_000
    let server = try TestServer(routes, threads: 2, limits: limits)
    var random = SeededGenerator(seed: UInt64(seed))
    for round in 0..<40 {
      let client = try Client(server, receiveBuffer: random.chance(50) ? 4096 : nil)
      let tags = (0..<random.number(1...8)).map { "tag-\(seed)-\(round)-\($0)" }
      let requests = tags.map { "POST /\(kinds.randomElement(using: &random)!)/\($0) HTTP/1.1\r\nHost: a\r\n" }
      let bytes = requests.map { $0 + (random.chance(50) ? "\r\n" : "Content-Length: 9\r\n\r\nsome body") }.joined()
      try? client.send(String(bytes.prefix(random.chance(20) ? random.number(1...bytes.utf8.count) : bytes.utf8.count)))
      for tag in tags.prefix(random.number(0...tags.count)) {
        guard let reply = try? client.reply() else { break }
        let isOwn = reply.status != 200 || reply.text.hasPrefix(tag) && reply["x-tag"] == tag
        #expect(isOwn, "\(tag) got \(reply.text.prefix(40))")
      }
      if random.chance(50) { client.reset() } else { client.close() }
    }
    #expect(server.finalCounts == TestServer.Counts())
  }
}

private let kinds = ["now", "soon", "late", "pending", "large", "thread", "deserted", "unread", "torn"]

private let routes = [
  TestRoute("POST /now/{tag}", respondWithTag),
  TestRoute("POST /soon/{tag}") { scope in
    _ = ambit_sleep(scope, 100_000)
    return respondWithTag(scope)
  },
  TestRoute("POST /late/{tag}") { scope in
    _ = ambit_sleep(scope, 10_000_000)
    return respondWithTag(scope)
  },
  TestRoute("POST /pending/{tag}") { scope in
    leaveTo(scope) { scope, _ in
      _ = ambit_sleep(scope, 100_000)
      return respondWithTag(scope)
    }
  },
  TestRoute("POST /large/{tag}") { scope in
    let size = 4 << 20
    let bytes = ambit_alloc(scope, size)!
    let tag = ambit_param(scope, "tag")
    memcpy(bytes, tag.ptr, tag.len)
    setTag(scope)
    return ambit_respond(scope, 200, nil, bytes, size)
  },
  TestRoute("POST /thread/{tag}", isBlocking: true) { scope in
    _ = ambit_sleep(scope, 100_000)
    return respondWithTag(scope)
  },
  // The handler returns while a job is in the middle of the response.
  TestRoute("POST /deserted/{tag}") { scope in
    setTag(scope)
    let tag = ambit_param(scope, "tag")
    _ = ambit_begin(scope, 200, -1)
    _ = ambit_write(scope, tag.ptr, tag.len)
    let write: ambit_job_fn = { scope, _ in ambit_write(scope, ambit_alloc(scope, 4 << 20), 4 << 20) }
    _ = ambit_spawn(scope, write, nil, nil, nil)
    return ambit_yield(scope)
  },
  // The handler returns while a job waits for the body.
  TestRoute("POST /unread/{tag}") { scope in
    let read: ambit_job_fn = { scope, _ in
      var bytes = [UInt8](repeating: 0, count: 100)
      while ambit_read(scope, &bytes, bytes.count) > 0 {}
      return AMBIT_OK
    }
    _ = ambit_spawn(scope, read, nil, nil, nil)
    _ = ambit_yield(scope)
    return respondWithTag(scope)
  },
  TestRoute("POST /torn/{tag}") { scope in
    setTag(scope)
    let tag = ambit_param(scope, "tag")
    _ = ambit_begin(scope, 200, 1000)
    return ambit_write(scope, tag.ptr, tag.len)
  },
]

private func setTag(_ scope: UnsafeMutablePointer<ambit_scope>?) {
  _ = ambit_set_header(scope, "X-Tag", ambit_cstr(scope, ambit_param(scope, "tag")))
}

private let respondWithTag: ambit_handler = { scope in
  setTag(scope)
  let tag = ambit_param(scope, "tag")
  return ambit_respond(scope, 200, nil, tag.ptr, tag.len)
}
