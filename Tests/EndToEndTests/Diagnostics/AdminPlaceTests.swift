import Foundation
import Glibc
import TestSupport
import Testing

/// Where the admin socket is if the configuration does not say it, and how commands find it.
@Suite struct `The place of the admin socket` {
  /// Makes a folder in `directory`, for this user alone.
  private func makeFolder(_ name: String, in directory: URL) throws -> String {
    let folder = directory.appending(path: name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    chmod(folder.filePath, 0o700)
    return folder.filePath
  }

  /// The path that the log of a host names.
  private func socket(of host: Host) async throws -> String {
    let line = try await host.log.line(containing: "admin API on unix:").text
    return String(line[line.firstRange(of: "unix:")!.upperBound...])
  }

  private func status(in directory: URL, environment: [String: String] = [:]) async throws -> CommandResult {
    try await run(Places.ambit.filePath, ["status"], in: directory, environment: environment)
  }

  @Test func `The socket is in the first folder of RUNTIME_DIRECTORY, else in XDG_RUNTIME_DIR`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")])
      let (service, user) = (try makeFolder("r", in: directory), try makeFolder("x", in: directory))
      let both = ["RUNTIME_DIRECTORY": "\(service):/other", "XDG_RUNTIME_DIR": user]
      try await withHost(in: directory, environment: both) { host in
        let path = try await socket(of: host)
        #expect(path.hasPrefix("\(service)/admin-") && path.hasSuffix(".sock"))
        #expect(try await status(in: directory, environment: both).status == .exited(0))
      }
      let one = ["XDG_RUNTIME_DIR": user]
      try await withHost(in: directory, environment: one) { host in
        let path = try await socket(of: host)
        #expect(path.hasPrefix("\(user)/ambit/admin-"))
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        // The commands of another shell look in the other folders, too.
        #expect(try await status(in: directory, environment: both).status == .exited(0))
        #expect(await host.stop() == .exited(0))
        #expect(!FileManager.default.fileExists(atPath: path))
      }
    }
  }

  @Test func `Two hosts of one user have sockets of their own, each found by its configuration`() async throws {
    try await withTemporaryFolder { directory in
      let environment = ["XDG_RUNTIME_DIR": try makeFolder("x", in: directory)]
      let folders = ["a", "b"].map { directory.appending(path: $0) }
      for folder in folders {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await populate(folder, with: [.sample("hello")])
      }
      try await withHost(in: folders[0], environment: environment) { first in
        try await withHost(in: folders[1], environment: environment) { second in
          #expect(try await socket(of: first) != socket(of: second))
          for host in [first, second] {
            let answer = try await status(in: host.directory, environment: environment)
            #expect(answer.text.contains("pid \(host.child.pid),"), "\(answer.errors)")
          }
        }
      }
    }
  }

  @Test func `Two configurations in one folder have sockets of their own, each found by its name`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")])
      let name = "\(String(repeating: "x", count: 60)).conf"
      for other in ["r.conf", name] {
        try FileManager.default.copyItem(
          at: directory.appending(path: "host.conf"), to: directory.appending(path: other))
      }
      try await withHost(in: directory) { usual in
        #expect(try await socket(of: usual).hasSuffix("/.ambit.sock"))
        for other in ["r.conf", name] {
          let absent = try await ambit("status", "-c", other, in: directory)
          #expect(absent.status == .exited(1), "\(absent.text)")
          try await withHost(in: directory, arguments: ["-c", other]) { second in
            let path = try await socket(of: second)
            let file = path.split(separator: "/").last ?? ""
            #expect(other == name ? file.utf8.count == 28 : file == ".ambit-r.conf.sock", "\(path)")
            for (host, words) in [(usual, ["status"]), (second, ["status", "-c", other])] {
              let answer = try await run(Places.ambit.filePath, words, in: directory)
              #expect(answer.text.contains("pid \(host.child.pid),"), "\(answer.errors)")
            }
          }
        }
        let again = try await ambit("serve", in: directory)
        #expect(again.status == .exited(1))
        #expect(again.errors.contains("listens there; set admin to another path, or to \"\""), "\(again.errors)")
      }
    }
  }

  @Test(arguments: [("status", 78), ("scopes", 78), ("reload", 1)])
  func `A command whose configuration is invalid says how to reach the host without it`(command: String, status: Int32)
    async throws
  {
    try await withHost([.sample("hello")]) { host in
      try host.configure("thread = 1")
      let result = try await ambit(command, in: host.directory)
      #expect(result.status == .exited(status))
      #expect(result.errors.contains("unknown key") && result.errors.contains("--socket PATH"), "\(result.errors)")
    }
  }

  @Test func `A host in a folder whose path is too long for a socket starts without an admin API, and says what to do`()
    async throws
  {
    try await withTemporaryFolder { directory in
      let deep = directory.appending(path: "\(String(repeating: "x", count: 60))/\(String(repeating: "y", count: 60))")
      try FileManager.default.createDirectory(at: deep, withIntermediateDirectories: true)
      try await populate(deep, with: [.sample("hello")])
      try await withHost(in: deep) { host in
        #expect(try await host.get("/hello/World").status == 200)
        let notice = try await host.log.line(containing: "there is no admin API")
        #expect(notice.contains("NOTICE"))
        #expect(notice.contains("expected a socket path of at most 107 bytes") && notice.contains("; set admin to a path"))
      }
      let environment = ["XDG_RUNTIME_DIR": try makeFolder("x", in: directory)]
      try await withHost(in: deep, environment: environment) { _ in
        let answer = try await status(in: deep, environment: environment)
        #expect(answer.status == .exited(0), "\(answer.errors)")
      }
    }
  }

  @Test func `The notice of a host says why a folder that comes first is not taken, and check says the same`()
    async throws
  {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")])
      let environment = ["RUNTIME_DIRECTORY": "/proc/none", "XDG_RUNTIME_DIR": ""]
      let reason = "because /proc/none: cannot make the folder: No such file or directory"
      try await withHost(in: directory, environment: environment) { host in
        try await host.log.line { $0.contains("NOTICE the admin socket is ") && $0.contains(reason) }
      }
      let check = try await run(Places.ambit.filePath, ["check"], in: directory, environment: environment)
      #expect(check.status == .exited(0) && check.errors.contains(reason), "\(check.errors)")
    }
  }

  @Test func `status names each path on which no host answers`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [])
      let (service, user) = (try makeFolder("r", in: directory), try makeFolder("x", in: directory))
      let result = try await status(
        in: directory, environment: ["RUNTIME_DIRECTORY": service, "XDG_RUNTIME_DIR": user])
      #expect(result.status == .exited(1))
      for folder in [
        "\(service)/admin-", "\(user)/ambit/admin-", "/run/user/\(geteuid())/ambit/admin-", "/run/ambit/admin-",
        "\(directory.filePath)/.ambit.sock",
      ] {
        let path = folder.replacing("//", with: "/")
        #expect(result.errors.contains("no host answers on the admin socket \(path)"), "\(result.errors)")
      }
      #expect(result.errorLines.last?.contains("--socket PATH") == true)
    }
  }

  @Test func `The socket is made again at a reload if somebody has removed it, and a foreign one stays`() async throws {
    try await withHost([.sample("hello")]) { host in
      unlink(host.adminSocket)
      try await host.reload()
      try await host.log.line(containing: "the admin socket was gone from unix:\(host.adminSocket) and is made again")
      #expect(try await host.admin("/status").status == .exited(0))
      #expect(try await host.reloadOnRequest().field("kept") == "1")

      unlink(host.adminSocket)
      try host.directory.write("mine", as: ".ambit.sock")
      try await host.reload()
      try await host.log.line { $0.contains("WARN") && $0.contains("cannot be made again: ") }
      #expect(await host.stop() == .exited(0))
      #expect(try String(contentsOfFile: host.adminSocket, encoding: .utf8) == "mine")
    }
  }

  @Test func `check refuses a socket that serve would refuse, and takes the one of a running host`() async throws {
    try await withHost([.sample("hello")]) { host in
      #expect(try await ambit("check", in: host.directory).status == .exited(0))
      try host.configure("admin = 'missing/a.sock'\nthreads = 1")
      let check = try await ambit("check", in: host.directory)
      #expect(check.status == .exited(1))
      let reason = "error: admin: \(host.directory.filePath)/missing/a.sock: No such file or directory"
      #expect(check.errors.contains(reason.replacing("//", with: "/")), "\(check.errors)")
    }
  }

  @Test func `check refuses an address that this machine does not have, and no port that it can have`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [])
      try directory.write("listen = ['192.0.2.1:8080', '127.0.0.1:8080']", as: "host.conf")
      let check = try await ambit("check", in: directory)
      let reason = "error: cannot listen on 192.0.2.1:8080: Cannot assign requested address\n"
      #expect(check.status == .exited(1) && check.errors == reason, "\(check.errors)")
    }
  }

  @Test(.enabled(if: geteuid() == 0, "only root can start a command as another user"))
  func `check refuses a port that serve may not have`() async throws {
    try await withTemporaryFolder { directory in
      chmod(directory.filePath, 0o755)
      try await populate(directory, with: [], configuration: "private = '/tmp'")
      try directory.write("listen = ['127.0.0.1:1']\nprivate = '/tmp'\ntrust = 'any'\n", as: "host.conf")
      let words = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--inh-caps=-all"]
      let result = try await run("setpriv", words + [Places.ambit.filePath, "check"], in: directory)
      let limit = try String(contentsOfFile: "/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding: .utf8)
      let expected = Int(limit.trimming(while: \.isWhitespace)) ?? 0 > 1
      #expect((result.status == .exited(1)) == expected, "\(result.errors)")
      #expect(result.errors.contains("cannot listen on 127.0.0.1:1: Permission denied: ports below") == expected)
    }
  }
}
