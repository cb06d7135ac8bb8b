import Foundation
import TestSupport
import Testing

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
