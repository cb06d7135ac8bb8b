import Foundation
import TestSupport
import Testing

/// The exit status of `ambit serve`: 78 says that no restart helps before somebody changes the configuration.
@Suite struct `Exit statuses of serve` {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    /// Goes behind the addresses. A line of its own for `listen` takes their place.
    let configuration: String
    let message: String
    var testDescription: String { name }

    init(_ name: String, _ configuration: String, says message: String) {
      (self.name, self.configuration, self.message) = (name, configuration, message)
    }
  }

  private func serve(_ configuration: String, in directory: URL) async throws -> CommandResult {
    try FileManager.default.createDirectory(
      at: directory.appending(path: "Plugins"), withIntermediateDirectories: true)
    let addresses = configuration.hasPrefix("listen") ? "" : "listen = ['127.0.0.1:0']\n"
    try directory.write(addresses + configuration, as: "host.conf")
    return try await ambit("serve", in: directory)
  }

  /// Short enough for a socket, but not below the folder of the configuration.
  private static let long = String(repeating: "a", count: 100)

  @Test(arguments: [
    Case("a syntax error", "threads = = 1", says: "host.conf:2:11: "),
    Case("an unknown key", "thread = 1", says: "unknown key \"thread\""),
    Case("a value out of its range", "workers = -1", says: "workers: expected an integer from 0 to 1024, found -1"),
    Case("keys that exclude each other", "workers = 0\nthreads = 2", says: "threads: expected 0 beside workers = 0"),
    Case("an address twice", "listen = ['*:80', '*:80']", says: "listen[1]: expected each address once"),
    Case(
      "a user that does not exist", "listen = [{ address = 'unix:a', owner = 'nobody-at-all' }]",
      says: "listen[0].owner: expected the name or the number of a user of this system, found \"nobody-at-all\""),
    Case(
      "a group that does not exist", "listen = [{ address = 'unix:a', group = 'no-such-group' }]",
      says: "listen[0].group: expected the name or the number of a group of this system, found \"no-such-group\""),
    Case("too long a path in listen", "listen = ['unix:\(long)']", says: "listen[0]: expected a socket path"),
    Case("too long a path of the admin socket", "admin = '\(long)'", says: "admin: expected a socket path of at most"),
    Case("a wrong route", "[[route]]\nmatch = 'GET a'", says: "route[0].match: "),
    Case("a wrong setting of a plugin", "[plugin.hello]\nprefix = 1", says: "plugin.hello.prefix: "),
  ])
  func `A configuration that cannot work ends serve with status 78`(wrong: Case) async throws {
    try await withTemporaryFolder { directory in
      let result = try await serve(wrong.configuration, in: directory)
      #expect(result.status == .exited(78), "\(result.errors)")
      #expect(result.errors.contains(wrong.message), "\(result.errors)")
    }
  }

  @Test(arguments: [
    Case("a folder of plugins that is missing", "plugins = 'missing'", says: "missing"),
    Case("a folder of the admin socket that is missing", "admin = 'missing/a.sock'", says: "admin: "),
    Case("private copies where no folder can be", "private = 'host.conf/a'", says: "private: "),
    Case("an address of another machine", "listen = ['192.0.2.1:0']", says: "cannot listen on 192.0.2.1:0: "),
    Case("a file where a socket is to be", "listen = ['unix:host.conf']", says: "a regular file is there"),
    Case(
      "a change of a route that no plugin has", "[[route]]\nmatch = 'GET /a'\ntimeout = '1s'", says: "route[0].match: "
    ),
    Case(
      "a library that is missing", "[[route]]\nmatch = 'GET /a'\ncall = 'libmissing.so.9: i32 f()'", says: "libmissing"
    ),
  ])
  func `A start that fails for another reason ends with status 1, since a restart may help`(wrong: Case) async throws {
    try await withTemporaryFolder { directory in
      let result = try await serve(wrong.configuration, in: directory)
      #expect(result.status == .exited(1), "\(result.errors)")
      #expect(result.errors.contains(wrong.message), "\(result.errors)")
    }
  }

  @Test func `A configuration that cannot be read ends serve with status 1, since it may be there at the next start`()
    async throws
  {
    try await withTemporaryFolder { directory in
      for path in ["missing.conf", "."] {
        let result = try await ambit("serve", "-c", path, in: directory)
        #expect(result.status == .exited(1), "\(path): \(result.errors)")
        #expect(result.errors.hasPrefix("error: cannot "), "\(result.errors)")
      }
    }
  }

  @Test func `An address in use and a refused plugin end serve with status 1`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await withTemporaryFolder { directory in
        let used = try await serve("listen = ['127.0.0.1:\(host.port)']", in: directory)
        #expect(used.status == .exited(1))
        #expect(used.errors.contains("cannot listen on 127.0.0.1:\(host.port): Address already in use"))
        try directory.appending(path: "Plugins").write("text", as: "broken.so")
        let refused = try await serve("", in: directory)
        #expect(refused.status == .exited(1) && refused.errors.contains("plugin broken"), "\(refused.errors)")
      }
    }
  }
}
