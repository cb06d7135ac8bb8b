import Foundation
import Glibc
import TestSupport
import Testing

/// `ambit build`: from folders of sources to plugins. Not with a sanitizer, whose tests need CC and CFLAGS of their own.
@Suite(.disabled(if: Places.isSanitized)) struct `Building plugins` {
  @Test func `build makes a plugin of each folder with sources, and only of folders that are out of date`() async throws
  {
    try await withSamples(["hello/hello.c", "counter/counter.cpp"]) { directory in
      let first = try await ambit("build", directory.filePath)
      #expect(first.status == .exited(0), "\(first.errors)")
      let built = try inodes(in: directory)
      #expect(Set(built.keys) == ["hello.so", "counter.so"])

      #expect(try await ambit("build", directory.filePath).status == .exited(0))
      #expect(try inodes(in: directory) == built)

      let later = Date(timeIntervalSinceNow: 10)
      let source = directory.appending(path: "hello/hello.c")
      try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: source.filePath)
      #expect(try await ambit("build", directory.filePath).status == .exited(0))
      let rebuilt = try inodes(in: directory)
      #expect(rebuilt["hello.so"] != built["hello.so"], "a new file, not the old one overwritten")
      #expect(rebuilt["counter.so"] == built["counter.so"])
    }
  }

  @Test func `build shows the compiler's errors as they are and builds the other plugins`() async throws {
    try await withSamples(["hello/hello.c"]) { directory in
      let folder = directory.appending(path: "broken")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try folder.write("int answer(void) { return fortytwo; }\n", as: "broken.c")
      let result = try await ambit("build", directory.filePath)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("broken.c:1:") && result.errors.contains("fortytwo"))
      #expect(try Set(inodes(in: directory).keys) == ["hello.so"])
    }
  }

  @Test func `serve --build builds the plugins before it serves`() async throws {
    try await withHost([], arguments: ["--build"], sources: ["hello/hello.c"]) { host in
      let answer = try await host.get("/hello/World")
      #expect(answer.text == "Hello, World!\n")
    }
  }

  @Test func `build says in one line, with status 1, that its directory does not exist`() async throws {
    let result = try await ambit("build", "/nonexistent/plugins")
    #expect(result.status == .exited(1))
    #expect(result.errorLines.count == 1)
    #expect(result.errors == "error: /nonexistent/plugins: cannot list the folder: No such file or directory\n")
  }

  @Test func `build names each plugin with its compiler and the cause, and what it leaves out with the reason`()
    async throws
  {
    try await withSamples(["hello/hello.c", "counter/counter.cpp"]) { directory in
      try directory.write("int lost;\n", as: "lost.c")
      try FileManager.default.createDirectory(
        at: directory.appending(path: "python"), withIntermediateDirectories: false)
      let path = directory.filePath.dropLast(directory.filePath.hasSuffix("/") ? 1 : 0)
      let leftOut = [
        "\(path)/python: left out: it has no C or C++ sources",
        "\(path)/lost.c: left out: each plugin has a folder of its own; move the file to \(path)/lost/lost.c",
      ]
      let first = try await ambit("build", directory.filePath + "/")
      #expect(
        first.text.split(separator: "\n").map(String.init) == [
          "\(path)/counter: built with c++", "\(path)/hello: built with cc",
        ] + leftOut)
      let again = try await run(
        Places.ambit.filePath, ["build", directory.filePath], environment: ["CFLAGS": "-O1 -DNAME='a b'"])
      #expect(
        again.text.split(separator: "\n").map(String.init) == [
          "\(path)/counter: up to date", "\(path)/hello: built with cc, because CFLAGS has changed",
        ] + leftOut)
    }
  }

  @Test(arguments: [[], ["-c", "host.conf"], ["-c", "conf/host.conf"]])
  func `build without a folder builds the plugin directory of the configuration`(arguments: [String]) async throws {
    try await withTemporaryFolder { directory in
      let folder = arguments.last == "conf/host.conf" ? "conf/" : ""
      try copySamples(["hello/hello.c"], to: directory.appending(path: "\(folder)P"))
      try directory.appending(path: folder).write("plugins = \"P\"\n", as: "host.conf")
      let result = try await run(Places.ambit.filePath, ["build"] + arguments, in: directory)
      #expect(result.status == .exited(0) && result.text == "\(folder)P/hello: built with cc\n", "\(result.errors)")
    }
  }

  @Test func `build with a folder does not read host.conf, and refuses a folder beside -c`() async throws {
    try await withSamples(["hello/hello.c"]) { directory in
      try directory.write("plugins = 1\n", as: "host.conf")
      #expect(try await ambit("build", ".", in: directory).text == "./hello: built with cc\n")
      #expect(try await ambit("build", in: directory).status == .exited(78))
      let both = try await ambit("build", "-c", "host.conf", ".", in: directory)
      #expect(both.status == .exited(64) && both.errors.contains("expected a folder or -c FILE, found both"))
    }
  }

  @Test func `build warns of a library whose folder is gone, on standard error, and says what to do`() async throws {
    try await withSamples(["hello/hello.c", "counter/counter.cpp"]) { directory in
      #expect(try await ambit("build", ".", in: directory).errors == "")
      try FileManager.default.removeItem(at: directory.appending(path: "hello"))
      let result = try await ambit("build", ".", in: directory)
      #expect(result.status == .exited(0) && result.text == "./counter: up to date\n", "\(result.text)")
      #expect(
        result.errors == "warning: ./hello.so: the folder ./hello is gone, and a host goes on serving the library: "
          + "restore the sources, or remove ./hello.so and reload\n")
      #expect(try Set(inodes(in: directory).keys) == ["hello.so", "counter.so"])
    }
  }

  @Test(arguments: ["c", "cpp"])
  func `build does not warn of parameters that are not used, and warns of variables`(suffix: String) async throws {
    try await withTemporaryFolder { directory in
      let text = "extern \"C\" int unused(int parameter);\nint unused(int parameter) { int variable; return 1; }\n"
      let source = suffix == "c" ? text.replacing("extern \"C\"", with: "extern") : text
      try FileManager.default.createDirectory(
        at: directory.appending(path: "one"), withIntermediateDirectories: false)
      try directory.write(source, as: "one/one.\(suffix)")
      let result = try await ambit("build", ".", in: directory)
      #expect(result.status == .exited(0) && result.errors.contains("variable"), "\(result.errors)")
      #expect(!result.errors.contains("unused-parameter"), "\(result.errors)")
    }
  }

  @Test func `build says that it found nothing to build`() async throws {
    try await withTemporaryFolder { directory in
      let result = try await ambit("build", ".", in: directory)
      #expect(result.status == .exited(0) && result.text == ".: nothing to build: no folder with sources\n")
    }
  }

  @Test func `build of the folder of one plugin says which folder to name`() async throws {
    try await withSamples(["hello/hello.c"]) { directory in
      let result = try await ambit("build", "hello", in: directory)
      let last = result.text.split(separator: "\n").last
      #expect(last == "hello: nothing to build: if it is the folder of one plugin, name the folder above it")
    }
  }

  @Test func `build names a flag variable with a quote that is not closed`() async throws {
    try await withSamples(["hello/hello.c"]) { directory in
      let result = try await run(
        Places.ambit.filePath, ["build", directory.filePath], environment: ["CFLAGS": "-DNAME='a b"])
      #expect(result.status == .exited(1))
      #expect(
        result.errors == "error: the environment's CFLAGS: expected a closing ', found the end; the quote opens at "
          + "column 8: -DNAME='a b\n")
    }
  }

  @Test(arguments: ["PATH of the toolchain", "only swiftc"])
  func `build takes the clang of Swift's toolchain, and its linker, on a machine without a compiler`(path: String)
    async throws
  {
    let swiftc = URL(filePath: try #require(Places.tool("swiftc"))).resolvingSymlinksInPath()
    try await withSamples(["hello/hello.c", "counter/counter.cpp"]) { directory in
      let only = directory.appending(path: ".bin")
      try FileManager.default.createDirectory(at: only, withIntermediateDirectories: false)
      try FileManager.default.createSymbolicLink(at: only.appending(path: "swiftc"), withDestinationURL: swiftc)
      let folder = swiftc.deletingLastPathComponent().filePath
      let result = try await run(
        Places.ambit.filePath, ["build", directory.filePath],
        environment: ["PATH": path == "only swiftc" ? only.filePath : folder, "CC": "", "CXX": ""])
      #expect(result.status == .exited(0), "\(result.errors)")
      let name = path == "only swiftc" ? folder : ""
      #expect(result.text.contains("hello: built with \(name)clang\n"), "\(result.text)")
      #expect(result.text.contains("counter: built with \(name)clang++\n"), "\(result.text)")
      #expect(try Set(inodes(in: directory).keys) == ["hello.so", "counter.so"])
    }
  }

  @Test func `build says what to install on a machine without any compiler`() async throws {
    try await withSamples(["hello/hello.c", "counter/counter.cpp"]) { directory in
      let result = try await run(
        Places.ambit.filePath, ["build", directory.filePath],
        environment: ["PATH": "/nonexistent", "CC": "", "CXX": ""])
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("hello: failed: there is no compiler for C: PATH has none of cc, gcc, clang"))
      #expect(result.errors.contains("apt-get install gcc libc6-dev") && result.errors.contains("apt-get install g++"))
      #expect(result.errorLines.last == "error: 2 of 2 plugins could not be built")
    }
  }

  /// A compiler that waits the first time for somebody to open the other end of `gate` before it compiles.
  private func makeSlowCompiler(in directory: URL) throws -> (compiler: String, gate: String) {
    let gate = directory.appending(path: "gate").filePath
    #expect(mkfifo(gate, 0o600) == 0)
    let compiler = directory.appending(path: "slow").filePath
    try directory.writeScript(
      "[ -e begun ] || { touch begun; echo compiles >&2; read line <gate; }\nexec cc \"$@\"", as: "slow")
    return (compiler, gate)
  }

  private func startBuild(of directory: URL, with compiler: String) async throws -> (RunningCommand, HostLog) {
    try await startHost(
      Places.ambit.filePath, ["build", directory.filePath], in: directory,
      environment: ["CC": compiler, "TMPDIR": directory.filePath])
  }

  @Test func `build that is interrupted leaves nothing that looks up to date, and the next one cleans up`() async throws
  {
    try await withSamples(["hello/hello.c"]) { directory in
      let (compiler, gate) = try makeSlowCompiler(in: directory)
      let (child, log) = try await startBuild(of: directory, with: compiler)
      try await log.line(containing: "compiles")
      child.signal(SIGKILL)
      _ = await child.status
      close(open(gate, O_WRONLY))
      #expect(try inodes(in: directory) == [:])
      try directory.write("half", as: ".hello.so.123.new")
      let next = try await run(
        Places.ambit.filePath, ["build", directory.filePath],
        environment: ["CC": "cc", "TMPDIR": directory.filePath])
      #expect(next.text.contains("hello: built with cc\n"), "\(next.text)\(next.errors)")
      let left = try FileManager.default.contentsOfDirectory(atPath: directory.filePath).filter { $0.contains("build") }
      #expect(left == [".hello.build"])
      #expect(!FileManager.default.fileExists(atPath: directory.appending(path: ".hello.so.123.new").filePath))
    }
  }

  @Test(arguments: [SIGTERM, SIGINT])
  func `A signal during the build of serve --build ends the compiler too, and leaves nothing behind`(number: Int32)
    async throws
  {
    try await withSamples(["hello/hello.c"]) { directory in
      let compiler = try makeWaitingCompiler(in: directory)
      try directory.write("listen = ['127.0.0.1:0']\nplugins = '.'\n", as: "host.conf")
      let (child, log) = try await startHost(
        Places.ambit.filePath, ["serve", "--build"], in: directory,
        environment: ["CC": compiler, "TMPDIR": directory.filePath])
      let line = try await log.line(containing: "compiler ")
      let processes = line.text.split(separator: " ").compactMap { pid_t($0) }
      #expect(processes.count == 2)
      for ignored in [SIGHUP, SIGUSR1, SIGUSR2] { child.signal(ignored) }
      child.signal(number)
      try await log.line(containing: "stopped during the build, before the host served anything")
      #expect(await child.status == .exited(0))
      for process in processes { try await eventually(until: { $0 }) { kill(process, 0) == -1 || isZombie(process) } }
      let left = try FileManager.default.contentsOfDirectory(atPath: directory.filePath)
      #expect(left.filter { $0.contains("build") || $0.hasSuffix(".new") } == [])
    }
  }

  /// A compiler that runs another process, writes the numbers of both, and never ends by itself.
  private func makeWaitingCompiler(in directory: URL) throws -> String {
    try directory.writeScript("sleep 1000 &\necho compiler $$ $! >&2\nwait", as: "waits")
    return directory.appending(path: "waits").filePath
  }

  /// Whether a process has ended and only its parent does not know yet.
  private func isZombie(_ process: pid_t) -> Bool {
    let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
    return status?.contains(") Z ") ?? true
  }

  @Test func `SIGHUP during the build of serve --build leads to a reload after the start`() async throws {
    try await withSamples(["hello/hello.c"]) { directory in
      let (compiler, gate) = try makeSlowCompiler(in: directory)
      try directory.write("listen = ['127.0.0.1:0']\nplugins = '.'\n", as: "host.conf")
      let (child, log) = try await startHost(
        Places.ambit.filePath, ["serve", "--build"], in: directory,
        environment: ["CC": compiler, "TMPDIR": directory.filePath])
      try await log.line(containing: "compiles")
      child.signal(SIGHUP)
      close(open(gate, O_WRONLY))
      try await log.line(containing: "reload done")
      child.signal(SIGTERM)
      #expect(await child.status == .exited(0))
    }
  }

  @Test func `Two builds of one folder do not work at once: the second waits, and finds everything up to date`()
    async throws
  {
    try await withSamples(["hello/hello.c"]) { directory in
      let (compiler, gate) = try makeSlowCompiler(in: directory)
      let (first, log) = try await startBuild(of: directory, with: compiler)
      try await log.line(containing: "compiles")
      let script = "exec \"$0\" build '\(directory.filePath)' >&2"
      let (second, secondLog) = try await startHost(
        "sh", ["-c", script, Places.ambit.filePath], in: directory, environment: ["CC": compiler])
      try await secondLog.line(containing: "another ambit builds here; waiting until it has ended")
      close(open(gate, O_WRONLY))
      try await secondLog.line(containing: "hello: up to date")
      #expect(await first.status == .exited(0))
      #expect(await second.status == .exited(0))
    }
  }

  private static let mayMount: @Sendable () async throws -> Bool = {
    try await run("unshare", ["-rm", "true"]).status == .exited(0)
  }

  @Test(.enabled("mounting is not allowed here", mayMount))
  func `build on a full disk fails, and leaves nothing that looks up to date`() async throws {
    try await withSamples(["hello/hello.c"]) { directory in
      let script = """
        mkdir full && mount -t tmpfs -o size=128k none full && mkdir full/hello && cp hello/hello.c full/hello
        "$0" build full; rm full/hello.so full/.hello.build; dd if=/dev/zero of=full/rest bs=1k 2>/dev/null
        "$0" build full >out 2>errors; echo "full $?"; ls -A full
        rm full/rest; "$0" build full; echo "free $?"
        """
      let result = try await run("unshare", ["-rm", "sh", "-c", script, Places.ambit.filePath], in: directory)
      let lines = result.text.split(separator: "\n").map(String.init)
      #expect(lines.contains("full 1") && lines.contains("free 0"), "\(result.text)\(result.errors)")
      let between = lines.drop { $0 != "full 1" }.dropFirst().prefix { !$0.hasPrefix("full/") }
      #expect(!between.contains { $0.hasSuffix(".new") }, "\(between)")
      #expect(lines.contains { $0.hasPrefix("full/hello: built with ") }, "\(result.text)")
    }
  }

  @Test(.enabled("mounting is not allowed here", mayMount))
  func `build in a folder that cannot be written is quiet if all is up to date, and else says why it fails`()
    async throws
  {
    try await withSamples(["hello/hello.c"]) { directory in
      let script = """
        mkdir disk && cp -r hello disk && "$0" build disk && cp disk/hello/hello.c before
        mount --bind disk disk && mount -o remount,bind,ro disk && "$0" build disk && echo "same $?"
        mount -o remount,bind,rw disk && echo >>disk/hello/hello.c && mount -o remount,bind,ro disk
        "$0" build disk; echo "changed $?"
        """
      let result = try await run("unshare", ["-rm", "sh", "-c", script, Places.ambit.filePath], in: directory)
      #expect(result.text.hasSuffix("disk/hello: up to date\nsame 0\nchanged 1\n"), "\(result.text)\(result.errors)")
      #expect(result.errors.contains("Read-only file system"), "\(result.errors)")
    }
  }

  private func withSamples(_ sources: [String], _ body: (URL) async throws -> Void) async throws {
    try await withTemporaryFolder { directory in
      try copySamples(sources, to: directory)
      try await body(directory)
    }
  }

  /// The inode of each plugin in `directory`.
  private func inodes(in directory: URL) throws -> [String: Int] {
    let files = FileManager.default
    let names = try files.contentsOfDirectory(atPath: directory.filePath).filter { $0.hasSuffix(".so") }
    var inodes: [String: Int] = [:]
    for name in names {
      let attributes = try files.attributesOfItem(atPath: directory.appending(path: name).filePath)
      inodes[name] = try #require(attributes[.systemFileNumber] as? Int)
    }
    return inodes
  }
}
