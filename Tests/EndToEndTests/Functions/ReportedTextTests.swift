import TestSupport
import Testing

/// Texts that functions keep in memory of their own.
@Suite struct `Texts that functions report` {
  /// One text for all callers, as strerror(3) and asctime(3) have it, and too long for a socket's buffers.
  private static let filled = PluginFile.source(
    """
    #include <string.h>
    enum { LENGTH = 8 << 20 };
    static char text[LENGTH + 1];
    const char *filled(char letter) { return memset(text, letter, LENGTH); }
    """, name: "filled")

  @Test(arguments: ["/loop?letter=97", "/pool?letter=97"])
  func `Texts that functions report are answered as they were when the function returned`(path: String) async throws {
    try await withHost([]) { host in
      try await Self.filled.install(in: host.directory)
      try host.configure(
        route("/loop", "str filled(i8 letter)", "blocking = false\nserial = false")
          + route("/pool", "str filled(i8 letter)", "blocking = true"))
      try await host.reload()
      let slow = try host.connect(receiveBuffer: 4096)
      defer { slow.close() }
      try await slow.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let begun = try await slow.head()
      let other = try await host.get("/pool?letter=98")
      #expect(other.text.utf8.allSatisfy { $0 == UInt8(ascii: "b") })
      let length = try #require(begun["Content-Length"].flatMap { Int($0) })
      let body = try await slow.take(length)
      #expect(length == 8 << 20)
      #expect(body.count { $0 == UInt8(ascii: "a") } == length)
    }
  }

  private func route(_ path: String, _ call: String, _ settings: String) -> String {
    "[[route]]\nmatch = 'GET \(path)'\ncall = './filled.so: \(call)'\n\(settings)\n"
  }
}
