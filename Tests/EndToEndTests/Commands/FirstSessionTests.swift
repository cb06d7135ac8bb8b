import Glibc
import TestSupport
import Testing

/// The first minutes with the host: the samples and curl.
@Suite struct `First session` {
  @Test func `The sample hello answers curl by name`() async throws {
    try await withHost([.sample("hello")]) { host in
      let answer = try await curl(host.url("/hello/World"))
      #expect(answer.status == .exited(0))
      #expect(answer.text == "Hello, World!\n")
    }
  }

  @Test func `The sample hello takes its greeting from the settings of its plugin`() async throws {
    try await withHost([.sample("hello")], configuration: "[plugin.hello]\ngreeting = \"Good day\"") { host in
      let answer = try await host.get("/hello/you")
      #expect(answer.text == "Good day, you!\n")
    }
  }

  @Test func `A prefix in the settings mounts a plugin's routes below it`() async throws {
    try await withHost([.sample("hello")], configuration: "[plugin.hello]\nprefix = \"/v1\"") { host in
      let answer = try await host.get("/v1/hello/you")
      #expect(answer.text == "Hello, you!\n")
      #expect(try await host.get("/hello/you").status == 404)
    }
  }

  @Test func `The sample counter keeps its state between requests`() async throws {
    try await withHost([.sample("counter", language: "cpp")]) { host in
      let answer = try await host.get("/counter")
      #expect(answer.text.wholeMatch(of: /count 0, ticks \d+\n/) != nil, "\(answer.text)")
      let post = "POST /counter HTTP/1.1\r\nHost: ambit\r\nContent-Length: 0\r\n\r\n"
      #expect(try await host.answer(to: post).text.hasPrefix("count 1,"))
      #expect(try await host.answer(to: post).text.hasPrefix("count 2,"))
      #expect(try await host.get("/counter").text.hasPrefix("count 2,"))
    }
  }

  @Test func `The route simple answers at once, and its job is cancelled with cause done after the first step`()
    async throws
  {
    try await withHost([.sample("simple_service")]) { host in
      let answer = try await curl("--include", host.url("/simple"))
      #expect(answer.text.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(answer.text.hasSuffix("\r\n\r\n"), "an empty body")
      let end = try await host.log.line { $0.contains("cancelled") && $0.field("cause") == "done" }
      let steps = host.log.lines { $0.contains("working... step") }
      #expect(steps.map { $0.contains("step 1 of 5") } == [true])
      #expect(steps.allSatisfy { $0.number < end.number })
    }
  }

  @Test func `Log lines of a job name plugin, generation, route, request and job`() async throws {
    try await withHost([.sample("simple_service")]) { host in
      #expect(try await host.get("/simple").status == 200)
      let step = try await host.log.line(containing: "working... step 1 of 5")
      #expect(step.field("plugin") == "simple_service/1")
      #expect(step.field("route") == "GET /simple")
      #expect(step.field("request")?.wholeMatch(of: requestID) != nil)
      #expect(step.field("job") != nil)
    }
  }

  @Test func `A client that leaves the route hold has its job cancelled with cause disconnect`() async throws {
    try await withHost([.sample("simple_service")]) { host in
      let connection = try host.connect()
      try await connection.send("GET /hold HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "working... step 2 of 5")
      let left = ContinuousClock.now
      connection.close()
      let end = try await host.log.line { $0.contains("cancelled") && $0.field("cause") == "disconnect" }
      print("from the client's close to the log line: \(end.arrival - left)")
      #expect(host.log.lines { $0.contains("step 5 of 5") || $0.contains("finished") }.isEmpty)
    }
  }

  @Test func `curl that gives up on the route hold counts as a client that leaves`() async throws {
    try await withHost([.sample("simple_service")]) { host in
      let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
      let client = try RunningCommand(
        "curl", ["--noproxy", "*", host.url("/hold")], in: host.directory, output: null, errors: null)
      try await host.log.line(containing: "working... step 1 of 5")
      client.signal(SIGINT)
      try await host.log.line { $0.contains("cancelled") && $0.field("cause") == "disconnect" }
    }
  }

  @Test func `A client that stays for four seconds sees the job finish`() async throws {
    try await withHost([.sample("simple_service")]) { host in
      let answer = try await host.get("/hold?seconds=4")
      #expect(answer.status == 200)
      let finished = try await host.log.line(containing: "finished")
      let steps = host.log.lines { $0.contains("working... step") }
      #expect(steps.count == 5)
      #expect(steps.last?.contains("step 5 of 5") == true)
      #expect(steps.allSatisfy { $0.number < finished.number })
      #expect(host.log.lines { $0.contains("cancelled") }.isEmpty)
    }
  }
}
