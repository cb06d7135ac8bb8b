import Foundation
import Glibc
import TestSupport
import Testing

/// Workers and dry runs of another user: `user` and `group`.
@Suite struct `Workers of another user` {
  private static let isRoot = geteuid() == 0

  /// The beginning of `Host.identity` for a user of this system.
  private func expected(_ user: String) async throws -> String {
    func id(_ option: String) async throws -> [Int] {
      try await run("id", [option, user]).text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    }
    let (number, group) = (try await id("-u")[0], try await id("-g")[0])
    let groups = try await id("-G").sorted().map(String.init).joined(separator: ",")
    return "uid=\(number),\(number) gid=\(group) groups=\(groups) "
  }

  @Test(.enabled(if: isRoot, "only root can change the user"))
  func `Workers and dry runs run as the user of the configuration with its groups, from the start and after a reload`()
    async throws
  {
    let (nobody, daemon) = (try await expected("nobody"), try await expected("daemon"))
    try await withHost([.probe("confined")], configuration: "threads = 1\nuser = 'nobody'") { host in
      #expect(try await host.identity().hasPrefix(nobody))
      let rest = " new_privileges=yes dumpable=1 home=/nonexistent capabilities=none"
      #expect(try await host.identity().contains(rest))
      #expect(try host.dryRunLine("identity ").contains(nobody))
      #expect(try Host.processStatus(host.child.pid, "Uid").first == "0", "the supervisor stays who it is")

      try host.configure("threads = 1\nuser = 'daemon'\ngroup = 'nogroup'")
      try await host.reload()
      try await host.log.line(containing: "worker 1 is replaced, because user has changed, group has changed")
      let groups = try await run("getent", ["group", "nogroup"]).text.split(separator: ":")
      // The worker before may still accept a connection.
      let number = daemon.prefix { $0 != " " }
      try await eventually(until: { $0.hasPrefix(number) && $0.contains(" gid=\(groups[2]) ") }) {
        try await host.identity()
      }

      // A user without an account.
      try host.configure("threads = 1\nuser = 54321\ngroup = 54322")
      try await host.reload()
      try await eventually(until: { $0.hasPrefix("uid=54321,54321 gid=54322 groups=54322 ") && $0.contains(" home=/ ") }
      ) {
        try await host.identity()
      }

      try host.configure("threads = 1")
      try await host.reload()
      try await eventually(until: { $0.hasPrefix("uid=0,0 ") }) { try await host.identity() }
    }
  }

  @Test(.enabled(if: isRoot, "only root can run a host with capabilities as another user"))
  func `Workers of the supervisor's own user keep none of the capabilities that a service manager gave it`()
    async throws
  {
    let nobody = try #require(unsafe getpwnam("nobody"))
    let (user, group) = unsafe (nobody.pointee.pw_uid, nobody.pointee.pw_gid)
    try await withTemporaryFolder { folder in
      try await populate(folder, with: [.probe("confined")], configuration: "threads = 1")
      chown(folder.filePath, user, group)
      let given = ["inh", "ambient"].map { "--\($0)-caps=+net_bind_service,+dac_override" }
      let wrapper = ["setpriv", "--reuid=\(user)", "--regid=\(group)", "--clear-groups"] + given
      try await withHost(in: folder, isSingle: false, wrapper: wrapper) { host in
        #expect(try await host.identity().contains(" capabilities=some"))
        for (key, name) in [("user", "nobody"), ("group", "\(group)")] {
          let configuration = "listen = ['127.0.0.1:0']\nthreads = 1\n\(key) = '\(name)'"
          try folder.write(configuration, as: "host.conf")
          try await PluginFile.sample("hello").install(in: host.plugins)
          try await host.reload()
          try await eventually(until: { $0.contains(" capabilities=none") }) { try await host.identity() }
          let worker = try #require(try await host.workers()[1])
          for thread in try Host.threads(of: worker) {
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
              #expect(try Host.processStatus(thread, set) == ["0000000000000000"], "\(set)")
            }
          }
        }
        #expect(try Host.processStatus(host.child.pid, "CapAmb") != ["0000000000000000"])
        let check = try await run("setpriv", Array(wrapper.dropFirst()) + [Places.ambit.filePath, "check"], in: folder)
        #expect(check.errors.contains(" capabilities=none"), "\(check)")
      }
    }
  }

  @Test(
    .enabled("a file of the system cannot be replaced for a test") {
      (try? await run("unshare", ["-m", "true"]))?.status == .exited(0)
    })
  func `Workers have all groups of the user`() async throws {
    try await withTemporaryFolder { folder in
      let group = folder.appending(path: "group").filePath
      try folder.write(try String(contentsOfFile: "/etc/group", encoding: .utf8) + "more:x:54321:nobody\n", as: "group")
      let wrapper = ["unshare", "-m", "sh", "-c", "mount --bind \(group) /etc/group && exec \"$@\"", "sh"]
      let configuration = "threads = 1\nuser = 'nobody'"
      try await withHost([.probe("confined")], configuration: configuration, wrapper: wrapper) { host in
        let line = try await host.identity()
        #expect(line.contains("54321"), "\(line)")
      }
    }
  }

  @Test(.enabled(if: isRoot, "only root can change the user"))
  func `Copies are the supervisor's, and other users can only read those whose names they know`() async throws {
    try await withHost([.probe("confined")], configuration: "threads = 1") { host in
      #expect(try copies(of: host).allSatisfy { $0.mode & 0o077 == 0 })
      let before = try copies(of: host).count
      try host.configure("threads = 1\nuser = 'nobody'")
      try await PluginFile.sample("hello").install(in: host.plugins)
      #expect(try await host.reload().field("added") == "1")
      let found = try copies(of: host)
      #expect(found.count == before + 1, "\(found)")
      for copy in found {
        #expect(copy.owner == 0 && copy.mode == (copy.isFolder ? 0o711 : 0o644), "\(copy)")
      }
      #expect(try await host.get("/hello/World").status == 200)
      // A worker that starts later loads them, too.
      kill(try #require(try await host.workers()[1]), SIGKILL)
      try await host.expectNewWorker(afterDeathBy: "SIGKILL")
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  private struct Copy {
    let path: String
    let isFolder: Bool
    let owner: UInt32
    let mode: UInt32
  }

  /// The folder of private copies of a host, and all that it contains.
  private func copies(of host: Host) throws -> [Copy] {
    let folder = host.directory.appending(path: "private").filePath
    let names = try #require(FileManager.default.subpaths(atPath: folder))
    return try names.map { name in
      var status = stat()
      try #require(lstat("\(folder)/\(name)", &status) == 0)
      return Copy(
        path: name, isFolder: status.st_mode & S_IFMT == S_IFDIR, owner: status.st_uid, mode: status.st_mode & 0o7777)
    }
  }

  @Test(.enabled(if: isRoot, "only root can change the user"))
  func `A worker of another user reports stalls and crashes, leaves a core dump, and is replaced`() async throws {
    let configuration = "threads = 1\nuser = 'nobody'\n[worker_limits]\ncore = '1MiB'\n"
    let pattern = try String(contentsOfFile: "/proc/sys/kernel/core_pattern", encoding: .utf8)
    try await withHost([.probe("confined")], configuration: configuration) { host in
      #expect(try await host.get("/hold").status == 200)
      let stall = try await host.log.line(containing: "event loop blocked for")
      #expect(stall.field("plugin") == "confined/1" && stall.contains("(confined.1."), "\(stall)")
      for path in ["/proc/self/environ", "/proc/self/exe", "/proc/self/maps", "/dev/null"] {
        #expect(try await host.get("/read?path=\(path)").text == "read\n", "\(path)")
      }

      let cores = host.directory.appending(path: "cores")
      try FileManager.default.createDirectory(at: cores, withIntermediateDirectories: false)
      chmod(cores.filePath, 0o777)
      #expect(try await host.get("/enter?path=\(cores.filePath)").text == "ok\n")
      _ = try? await host.get("/crash")
      let crash = try await host.log.line(containing: "CRITICAL")
      #expect(crash.field("plugin") == "confined/1" && crash.contains("crashes+0x"), "\(crash)")
      try await host.expectNewWorker(afterDeathBy: "SIGSEGV")
      if !pattern.hasPrefix("|"), !pattern.contains("/"), !Places.isSanitized {
        #expect(try FileManager.default.contentsOfDirectory(atPath: cores.filePath).count == 1)
      }
    }
  }

  @Test(
    .enabled(if: isRoot, "only root can change the user"),
    arguments: [[], ["setpriv", "--bounding-set=-sys_resource,-sys_ptrace"]])
  func `The supervisor knows what a worker of another user becomes and leaves behind, also as root of a container`(
    wrapper: [String]
  ) async throws {
    let configuration = "threads = 1\nuser = 'nobody'"
    try await withHost([.probe("confined")], configuration: configuration, wrapper: wrapper) { host in
      let folder = host.directory.appending(path: "open")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      chmod(folder.filePath, 0o777)
      #expect(try await host.get("/enter?path=\(folder.filePath)").text == "ok\n")
      #expect(try await host.get("/leave").text == "0\n")
      let number = try await eventually(until: { $0.hasSuffix("\n") }) {
        (try? String(contentsOf: folder.appending(path: "number"), encoding: .utf8)) ?? ""
      }
      kill(host.servingProcess, SIGKILL)
      try await host.log.line(containing: "process \(number.dropLast()) (sleep), which worker 1 (pid ")
      try await host.log.line(containing: "worker 1 serves again")

      let position = host.log.position
      _ = try? await host.get("/become")
      let line = try await host.log.line(after: position, containing: "CRITICAL worker 1 died: ")
      if wrapper.isEmpty { #expect(line.contains("it has become another program, /"), "\(line)") }
      try await host.log.line(after: position, containing: "worker 1 serves again")
    }
  }

  @Test func `Users, groups and paths that do not exist are named together, each with its place`() async throws {
    let text = "writable = ['/tmp', 'missing']\nuser = '+65534'\n  group = 'no-such-group'"
    try await withTemporaryFolder { folder in
      try folder.write("listen = ['127.0.0.1:0']\n\(text)", as: "host.conf")
      let errors = """
        host.conf:2:21: writable[1]: expected the path of a file or a folder, found "missing": there is none
        error: host.conf:3:1: user: expected the name or the number of a user of this system, found "+65534"
        error: host.conf:4:3: group: expected the name or the number of a group of this system, found "no-such-group"
        """
      let start = try await ambit("serve", in: folder)
      #expect(start.status == .exited(78) && start.errors.contains(errors), "\(start)")
      let check = try await ambit("check", in: folder)
      #expect(check.status == .exited(78) && check.errors.contains(errors), "\(check)")
      // A path may be there at the next start.
      try folder.write("writable = ['missing']", as: "host.conf")
      #expect(try await ambit("serve", in: folder).status == .exited(1))
    }
    try await withHost([.sample("hello")]) { host in
      try host.configure("user = 'nobody-at-all'")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1) && reload.text.contains("found \"nobody-at-all\""), "\(reload.text)")
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test(.enabled(if: isRoot, "only root can change the user"))
  func `A host that may not change the user says which right it lacks, and a check goes on without it`() async throws {
    let unprivileged = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    try await withTemporaryFolder { folder in
      try await populate(folder, with: [.sample("hello")], configuration: "user = 'daemon'\nadmin = ''\ntrust = 'any'")
      chmod(folder.filePath, 0o777)
      let start = try await run("setpriv", unprivileged + [Places.ambit.filePath, "serve"], in: folder)
      #expect(start.status == .exited(1))
      let objection = """
        user: expected a user that the host may run workers as, found "daemon", which needs CAP_SETUID, CAP_SETGID, \
        CAP_KILL: start the host as root, or remove the key
        """
      #expect(start.errors.contains(objection), "\(start.errors)")
      let check = try await run("setpriv", unprivileged + [Places.ambit.filePath, "check"], in: folder)
      #expect(check.status == .exited(0) && (check.text + check.errors).contains(objection), "\(check)")
    }
  }

  @Test(
    .enabled("only root can change the user, and filters must be allowed") {
      let areAllowed = await filtersAreAllowed()
      return isRoot && areAllowed
    })
  func `A worker or a dry run that cannot change its user runs no code of a plugin, and says why`() async throws {
    try await withDenied("setgroups", "EPERM") { wrapper in
      try await withTemporaryFolder { folder in
        try await populate(folder, with: [.probe("confined")], configuration: "user = 'nobody'\nadmin = ''")
        let reason = "cannot run as user nobody: Operation not permitted"
        let words = Array(wrapper.dropFirst()) + [Places.ambit.filePath]
        let check = try await run(wrapper[0], words + ["check"], in: folder)
        #expect(check.status == .exited(1))
        #expect(check.errors.contains("dry run: its process cannot run as workers do: \(reason)"), "\(check.errors)")
        let start = try await run(wrapper[0], words + ["serve"], in: folder)
        #expect(start.status == .exited(1) && start.errors.contains(reason), "\(start.errors)")
        #expect(!(check.errors + start.errors).contains("identity "))
      }
    }
  }

  @Test(.enabled(if: isRoot, "only root can change the user"))
  func `A folder that the user cannot reach holds no copies for its workers`() async throws {
    try await withHost([.probe("confined")], configuration: "threads = 1") { host in
      chmod(host.directory.appending(path: "private").filePath, 0o700)
      try host.configure("threads = 1\nuser = 'nobody'")
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1))
      #expect(reload.text.contains("user nobody, whom workers run as, cannot reach "), "\(reload.text)")
      #expect(try await host.identity().hasPrefix("uid=0,0 "))
    }
  }
}
