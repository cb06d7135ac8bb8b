import Foundation
import TestSupport
import Testing

/// The sample whose routes are C functions as they are.
@Suite struct `Sample typed` {
  @Test func `The sample typed adds numbers that curl sends, and says which it cannot add`() async throws {
    try await withHost([.sample("typed")]) { host in
      let sum = try await curl(host.url("/sum/2/40"))
      #expect(sum.text == "42")
      let refused = try await curl(host.url("/sum/2/x"))
      #expect(refused.text.contains("b: expected i64 (-9223372036854775808 to 9223372036854775807), found \"x\""))
    }
  }

  @Test func `The sample typed greets with text that is freed`() async throws {
    try await withHost([.sample("typed")]) { host in
      let greeting = try await host.get("/greeting/World?punctuation=!")
      #expect(greeting.text == "Hello, World!")
      #expect(try await host.get("/greeting/J%C3%B6rg?punctuation=+%26").text == "Hello, Jörg &")
      #expect(try await host.get("/greeting/World").status == 400)
    }
  }

  @Test(arguments: [
    ("2 3.5 5", #"{"result":3,"mean":3.5,"least":2.0,"greatest":5.0}"#),
    ("-1e3\n1e3 and more", #"{"result":2,"mean":0.0,"least":-1000.0,"greatest":1000.0}"#),
    ("none", #"{"result":0,"mean":null,"least":null,"greatest":null}"#),
  ])
  func `The sample typed reports several results as one JSON object`(numbers: String, answer: String) async throws {
    try await withHost([.sample("typed")]) { host in
      let statistics = try await curl("--data", numbers, host.url("/statistics"))
      #expect(statistics.text == answer)
    }
  }

  @Test func `The sample typed sleeps through its scope, until the time is over or the client leaves`() async throws {
    try await withHost([.sample("typed")]) { host in
      let slept = try await curl(
        "--header", "Content-Type: application/json", "--data", #"{"milliseconds":1}"#, host.url("/nap"))
      #expect(slept.text == "0")
      let client = try host.connect()
      try await client.send("POST /nap?milliseconds=4294967295 HTTP/1.1\r\nHost: ambit\r\nContent-Length: 0\r\n\r\n")
      try await eventually(within: .seconds(30), until: { $0.contains("waits_for=sleep") }) {
        try await host.admin("/scopes", "-H", "Accept: text/plain").text
      }
      client.close()
      try await host.log.line { $0.contains("woken up") && $0.field("cause") == "disconnect" }
    }
  }
}

/// The routes to C functions of the `host.conf` at the top of the project.
@Suite struct `Routes of the sample host.conf` {
  private let routes: String

  init() throws {
    let text = try String(contentsOf: Places.package.appending(path: "host.conf"), encoding: .utf8)
    routes = try String(text[#require(text.firstRange(of: "\n[[route]]")).lowerBound...])
  }

  @Test func `The routes of the sample host.conf answer what the functions return`() async throws {
    let name = try await run("uname", ["-n"]).text.trimming(while: \.isNewline)
    try await withHost([], configuration: routes) { host in
      for (path, answer) in [
        ("/cos/0", "1.0"), ("/pow/2/0.5", "1.4142135623730951"), ("/frexp/10", #"{"result":0.625,"exponent":4}"#),
        ("/strerror/2", "No such file or directory"),
        ("/hostname", #"{"result":0,"name":"\#(name)"}"#),
      ] {
        #expect(try await host.get(path).text == answer, "\(path)")
      }
      let checksum = try await run("curl", ["-sS", "--data-binary", "123456789", host.url("/crc32")])
      #expect(checksum.text == "3421780262")
    }
  }

  @Test func `The routes of the sample host.conf do without zlib, with a notice`() async throws {
    try await withHost([], configuration: routes.replacing("libz.so.1", with: "libz.so.absent")) { host in
      let notice = try await host.log.line(containing: "libz.so.absent: cannot open shared object file")
      #expect(notice.contains("NOTICE"), "\(notice)")
      let checksum = try await run("curl", ["-sS", "--data-binary", "123456789", host.url("/crc32")])
      #expect(checksum.text.hasPrefix("404 "), "\(checksum.text)")
      #expect(try await host.get("/cos/0").text == "1.0")
    }
  }
}
