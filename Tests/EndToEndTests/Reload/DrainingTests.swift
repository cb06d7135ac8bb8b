import Foundation
import Glibc
import TestSupport
import Testing

/// Streams without an end of their own learn that their generation or the host drains, and end in time.
@Suite struct `Ending streams in time` {
  /// Long enough that a test fails if a stream waits for it.
  private static let configuration = "drain_timeout = \"1h\""
  private static let request = "GET /events HTTP/1.1\r\nHost: ambit\r\nConnection: close\r\n\r\n"

  /// Begins `count` streams, on different loops most likely.
  private func streams(_ count: Int, of host: Host) async throws -> [Client] {
    var streams: [Client] = []
    for _ in 0..<count {
      let stream = try host.connect()
      try await stream.send(Self.request)
      let head = try await stream.head()
      #expect(head.status == 200 && head["content-type"] == "text/event-stream")
      streams.append(stream)
    }
    return streams
  }

  /// The rest of a stream is a last event and the end of the response.
  private func expectEnd(of stream: Client, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let rest = String(decoding: try await stream.rest(), as: UTF8.self)
    #expect(rest.contains("event: tick\ndata: 1\n\n"), sourceLocation: sourceLocation)
    #expect(rest.contains(/event: bye\ndata: \d+\n\n\r\n0\r\n\r\n$/), "\(rest)", sourceLocation: sourceLocation)
  }

  private func newVersion(of sample: String) throws -> PluginFile {
    let source = try String(contentsOf: Places.sample(sample, language: "c"), encoding: .utf8)
    return .source(source.replacing(".version = \"1.0\"", with: ".version = \"2.0\""), name: sample)
  }

  @Test func `A reload with a new version ends the streams of the old one with a last event`() async throws {
    try await withHost([.sample("simple_service")], configuration: Self.configuration) { host in
      let streams = try await streams(4, of: host)
      try await newVersion(of: "simple_service").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      for stream in streams { try await expectEnd(of: stream) }
      try await host.log.line { $0.contains("plugin generation retired") && $0.field("plugin") == "simple_service/1" }
      #expect(host.log.lines { $0.contains("cause=") || $0.contains("ERROR") }.isEmpty, "nothing was cancelled")

      let next = try await self.streams(1, of: host)
      #expect(try await host.adminJSON("/status").number("requests") == 1, "the new version streams")
      next.forEach { $0.close() }
    }
  }

  @Test func `A reload that removes the plugin ends its streams`() async throws {
    try await withHost([.sample("simple_service"), .sample("hello")], configuration: Self.configuration) { host in
      let streams = try await streams(2, of: host)
      try FileManager.default.removeItem(at: host.plugins.appending(path: "simple_service.so"))
      try await host.reload()
      for stream in streams { try await expectEnd(of: stream) }
    }
  }

  @Test func `A host that is to stop ends its streams, and stops at once`() async throws {
    try await withHost([.sample("simple_service")], configuration: Self.configuration) { host in
      let streams = try await streams(4, of: host)
      host.child.signal(SIGTERM)
      for stream in streams { try await expectEnd(of: stream) }
      #expect(await host.child.status == .exited(0))
      #expect(host.log.lines { $0.contains("drain timeout reached") || $0.contains("cause=") }.isEmpty)
    }
  }
}
