import Foundation
import Glibc
import TestSupport
import Testing

/// The socket of the admin API: its owner, and files in its way.
@Suite struct `The admin socket` {
  @Test func `The admin socket is open to the host's user alone, and is removed when the host ends`() async throws {
    try await withHost([.sample("hello")]) { host in
      let attributes = try FileManager.default.attributesOfItem(atPath: host.adminSocket)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
      #expect(attributes[.type] as? FileAttributeType == .typeSocket)
      #expect(await host.stop() == .exited(0))
      #expect(!FileManager.default.fileExists(atPath: host.adminSocket))
    }
  }

  @Test func `The admin socket of a host that is gone is replaced`() async throws {
    try await withTemporaryFolder { directory in
      let path = directory.appending(path: "stale.sock").filePath
      try leaveSocket(at: path)
      #expect(FileManager.default.fileExists(atPath: path))
      try await withHost([.sample("hello")], configuration: "admin = \"\(path)\"") { host in
        let answer = try await run("curl", ["-sS", "--unix-socket", path, "http://ambit/status"])
        #expect(try JSONObject(answer.output).number("pid") == Int(host.child.pid))
      }
    }
  }

  @Test func `The admin socket of a running host refuses the start of another host, and names the process`()
    async throws
  {
    try await withHost([.sample("hello")]) { host in
      let second = try await ambit("serve", in: host.directory)
      #expect(second.status == .exited(1))
      #expect(
        second.errors.contains(
          "admin: cannot listen on unix:\(host.adminSocket): process \(host.child.pid) listens there"))
      #expect(try await host.admin("/status").status == .exited(0), "the first one's socket is still there")
    }
  }

  @Test func `The admin socket is refused if a file that is no socket is in its place`() async throws {
    try await withTemporaryFolder { directory in
      try await refusal(
        in: directory, admin: "host.conf",
        says: "/host.conf: a regular file is there; remove it, or")
      #expect(FileManager.default.fileExists(atPath: directory.appending(path: "host.conf").filePath))
    }
  }

  @Test func `The admin socket is refused if its path is too long for a socket`() async throws {
    try await withTemporaryFolder { directory in
      let name = String(repeating: "a", count: 108)
      let path = "\(directory.filePath)/\(name)".replacing("//", with: "/")
      let message = "admin: expected a socket path of at most 107 bytes, found \(path.utf8.count) bytes: \(path)"
      try await refusal(in: directory, admin: name, says: message, status: 78)
    }
  }

  @Test func `The admin socket lies beside the configuration, wherever the host was started`() async throws {
    try await withHost([.sample("hello")]) { host in
      let result = try await ambit("status", "-c", host.directory.appending(path: "host.conf").filePath)
      #expect(result.status == .exited(0), "\(result.errors)")
    }
  }

  @Test func `The admin socket is not created if the configuration says none`() async throws {
    try await withHost([.sample("hello")], configuration: "admin = \"\"") { host in
      #expect(!FileManager.default.fileExists(atPath: host.adminSocket))
      let result = try await ambit("status", in: host.directory)
      #expect(result.status == .exited(1))
      #expect(result.errors == "error: host.conf: admin is \"\", so a host of this configuration has no admin API\n")
    }
  }

  private func refusal(in directory: URL, admin: String, says message: String, status: Int32 = 1) async throws {
    try FileManager.default.createDirectory(
      at: directory.appending(path: "Plugins"), withIntermediateDirectories: true)
    try directory.write("listen = [\"127.0.0.1:0\"]\nadmin = \"\(admin)\"\n", as: "host.conf")
    for command in ["serve", "check"] {
      let result = try await ambit(command, in: directory)
      #expect(result.status == .exited(status))
      #expect(result.errors.contains(message), "\(result.errors)")
    }
  }

  /// Leaves a socket behind on which nobody listens, as a killed host does.
  private func leaveSocket(at path: String) throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    try #require(result == 0)
  }
}
