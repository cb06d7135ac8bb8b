import Foundation
import Glibc
import TestSupport
import Testing

/// Sockets that a service manager has opened: LISTEN_FDS.
@Suite(.enabled(if: Places.tool("python3") != nil, "python3 is not installed"))
struct `Socket activation` {
  /// Starts the rest of the command line with the sockets that its first word describes, as systemd does. Without STARTS
  /// it becomes that process. Else it keeps the sockets, and starts the process so often, each after the end of the one
  /// before.
  private static let manager = """
    import fcntl, os, socket, sys
    sockets, names = [], []
    for word in sys.argv[1].split(","):
        kind, _, address = word.partition("=")
        names.append(kind)
        if kind == "file":
            sockets.append(open(address))
        elif kind == "unix":
            sockets.append(socket.socket(socket.AF_UNIX)); sockets[-1].bind(address); sockets[-1].listen()
        else:
            host, _, port = address.rpartition(":")
            sockets.append(socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM))
            sockets[-1].bind((host, int(port)))
            if kind == "tcp": sockets[-1].listen()
    high = [fcntl.fcntl(one.fileno(), fcntl.F_DUPFD, 100) for one in sockets]
    while int(os.environ.get("STARTS", "0")) > 0 and os.fork() > 0:
        os.wait()
        os.environ["STARTS"] = str(int(os.environ["STARTS"]) - 1)
        if os.environ["STARTS"] == "0": sys.exit()
    for index, one in enumerate(high): os.dup2(one, 3 + index); os.close(one)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=":".join(names))
    os.execvp(sys.argv[2], sys.argv[2:])
    """

  private static func manager(_ sockets: String...) -> [String] {
    [Places.tool("python3") ?? "", "-c", manager, sockets.joined(separator: ",")]
  }

  @Test(arguments: [true, false])
  func `Without listen in the configuration the sockets that were passed are served, and no others`(isSingle: Bool)
    async throws
  {
    try await withTemporaryFolder { directory in
      let path = directory.appending(path: "a.sock").filePath
      try await populate(directory, with: [.sample("hello")])
      try directory.write("threads = 2\n", as: "host.conf")
      let wrapper = Self.manager("tcp=127.0.0.1:0", "unix=\(path)")
      try await withHost(in: directory, isSingle: isSingle, wrapper: wrapper) { host in
        #expect(try await status(on: Client(port: host.port, timeout: nil)) == 404)
        #expect(try await status(on: Client(path: path, timeout: nil)) == 404)
        try await host.log.line(containing: "listening on unix:\(path), a socket of the service manager")
        let urls = ["http://127.0.0.1:\(host.port)", "unix:\(path)"]
        #expect(try await host.adminJSON("/status").texts("listen") == urls)

        try await host.reload()
        #expect(try await status(on: Client(path: path, timeout: nil)) == 404)
        _ = await host.stop()
        #expect(FileManager.default.fileExists(atPath: path), "the file is the manager's")
      }
    }
  }

  @Test(arguments: [true, false])
  func `An entry of listen is served by the socket that was passed for its address`(isSingle: Bool) async throws {
    try await withTemporaryFolder { directory in
      let (passed, other) = (directory.appending(path: "a.sock").filePath, directory.appending(path: "b.sock").filePath)
      try await populate(directory, with: [.sample("hello")])
      @Sendable func listen(_ entries: String) throws {
        try directory.write("listen = ['127.0.0.1:0'\(entries)]\nthreads = 2\n", as: "host.conf")
      }
      try listen(", 'unix:a.sock'")
      let wrapper = Self.manager("unix=\(passed)", "unix=\(other)")
      try await withHost(in: directory, isSingle: isSingle, wrapper: wrapper) { host in
        for path in [passed, other] { #expect(try await status(on: Client(path: path, timeout: nil)) == 404) }
        let unnamed = try await host.log.line(containing: "listening on unix:\(other)").text
        #expect(unnamed.hasSuffix("a socket of the service manager that no entry of listen names"))

        try listen("")
        try await host.reload()
        let stopped = try await host.log.line(containing: "stopped listening on unix:\(passed)").text
        #expect(stopped.contains("; the service manager keeps the socket, so clients that connect wait"))
        let waiting = try Client(path: passed, timeout: nil)
        #expect(try await status(on: Client(path: other, timeout: nil)) == 404)

        try listen(", 'unix:a.sock'")
        try await host.reloadOnRequest()
        #expect(try await status(on: waiting) == 404, "the client that has waited")
        _ = await host.stop()
        for path in [passed, other] { #expect(FileManager.default.fileExists(atPath: path)) }
      }
    }
  }

  @Test func `A client that connects while the host is restarted waits for it`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")])
      try directory.write("threads = 2\n", as: "host.conf")
      let words = Self.manager("tcp=127.0.0.1:0") + [Places.ambit.filePath, "serve", "--single"]
      let (manager, log) = try await startHost(
        words[0], Array(words.dropFirst()), in: directory, environment: ["STARTS": "2"])
      let listening = try await log.line(containing: "listening on http://127.0.0.1:").text
      let port = try #require(listening.firstMatch(of: /127\.0\.0\.1:(\d+)/).flatMap { UInt16($0.1) })
      let first = try await log.line(containing: " serving ")
      kill(try #require(first.field("pid").flatMap { pid_t($0) }), SIGTERM)
      try await log.line(after: first.number, containing: "stopped")
      let client = try Client(port: port, timeout: nil)
      #expect(try await status(on: client) == 404)
      let second = try await log.line(after: first.number, containing: " serving ")
      kill(try #require(second.field("pid").flatMap { pid_t($0) }), SIGTERM)
      #expect(await manager.status == .exited(0))
    }
  }

  @Test(arguments: [
    ("udp=127.0.0.1:0", "descriptor 3 (udp)", "a datagram socket"),
    ("bound=127.0.0.1:0", "descriptor 3 (bound)", "a socket that does not listen"),
    ("file=/dev/null", "descriptor 3 (file)", "a file that is no socket"),
  ])
  func `Something else than a listening socket ends the start with status 1 and names the descriptor`(
    sockets: String, descriptor: String, found: String
  ) async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")])
      let words = Self.manager(sockets) + [Places.ambit.filePath, "serve"]
      let result = try await run(words[0], Array(words.dropFirst()), in: directory)
      #expect(result.status == .exited(1))
      #expect(
        result.errors.contains(
          "cannot listen on \(descriptor), which the service manager has passed: expected a socket")
          && result.errors.contains("found \(found)"), "\(result.errors)")
    }
  }

  @Test func `An entry that is part of a socket that was passed is refused, and the error says what to do`()
    async throws
  {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")])
      let port = try Self.freePort()
      try directory.write("listen = ['127.0.0.1:\(port)']\n", as: "host.conf")
      let words = Self.manager("tcp=0.0.0.0:\(port)") + [Places.ambit.filePath, "serve"]
      let result = try await run(words[0], Array(words.dropFirst()), in: directory)
      #expect(result.status == .exited(1))
      #expect(
        result.errors.contains(
          "cannot listen on 127.0.0.1:\(port): a socket of the service manager listens on http://0.0.0.0:\(port)"),
        "\(result.errors)")
    }
  }

  private static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutableBytes(of: &address) { bytes in
      listen(descriptor, 1)
        + getsockname(descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), &length)
    }
    try #require(code == 0)
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// The status of the response to a request for a path that no plugin has.
  private func status(on client: Client) async throws -> Int {
    try await client.send("GET /none HTTP/1.1\r\nHost: ambit\r\n\r\n")
    return try await client.response().status
  }
}
