import Foundation
import TestSupport
import Testing

/// Functions of libraries that may not be thread-safe.
@Suite struct `Functions of a library` {
  @Test func `Functions of a library run one at a time, so that no client gets the response of another`() async throws {
    try await withHost([], configuration: "threads = 4") { host in
      try await library.install(in: host.directory)
      try host.configure("threads = 4\n" + route("GET /echo/{x}", "./unsafe.so: str echo(str x)"))
      try await host.reload()
      try await withThrowingTaskGroup { group in
        for client in 0..<8 {
          group.addTask {
            let connection = try host.connect()
            defer { connection.close() }
            for number in 0..<50 {
              try await connection.send("GET /echo/\(client)-\(number) HTTP/1.1\r\nHost: ambit\r\n\r\n")
              #expect(try await connection.response().text == "\(client)-\(number)")
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await host.get("/echo/most").text == "most")
    }
  }

  @Test func `A library under several names is one library, whose functions run one at a time`() async throws {
    try await withHost([]) { host in
      try await library.install(in: host.directory)
      try FileManager.default.createSymbolicLink(
        at: host.directory.appending(path: "link.so"), withDestinationURL: host.directory.appending(path: "unsafe.so"))
      try host.configure(
        "threads = 2\n" + route("GET /wait", "./unsafe.so: i32 wait_for_file()")
          + route("GET /count", "./link.so: i32 wait_for_file()"))
      try await host.reload()
      async let first = host.get("/wait")
      try await host.log.line { $0.text == "began" }
      async let second = host.get("/count")
      try await waiting(1, on: host)
      try host.directory.write("", as: "go")
      let answers = try await [first.text, second.text]
      #expect(answers == ["1", "1"])
    }
  }

  @Test func `Functions of a library run in parallel if the operator says that they may`() async throws {
    try await withHost([], configuration: "threads = 1") { host in
      try await library.install(in: host.directory)
      try host.configure(
        "threads = 1\n" + route("GET /wait/{x}", "./unsafe.so: i32 wait_for_file()", "serial = false"))
      try await host.reload()
      async let first = host.get("/wait/1")
      async let second = host.get("/wait/2")
      _ = try await host.log.lines(2) { $0.text == "began" }
      try host.directory.write("", as: "go")
      _ = try await (first, second)
    }
  }

  @Test func `A function that never returns blocks its library alone, and log and status say which one holds it`()
    async throws
  {
    let settings = "threads = 1\npool_threads = 4\n[limits]\nrequest_timeout = \"0s\"\n"
    try await withHost([], configuration: settings) { host in
      try await library.install(in: host.directory)
      try host.configure(
        settings + route("GET /wait", "./unsafe.so: i32 wait_for_file()")
          + route("GET /most", "./unsafe.so: i32 most()")
          + route("GET /soon", "./unsafe.so: i32 most()", "timeout = \"100ms\"")
          + route("GET /abs/{x}", "libc.so.6: i32 abs(i32 x)"))
      try await host.reload()
      async let holder = host.get("/wait")
      try await host.log.line { $0.text == "began" }
      async let late = host.get("/most")
      let left = try host.connect()
      try await left.send("GET /most HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await waiting(2, on: host)
      left.close()
      try await waiting(1, on: host)
      for number in 0..<20 { #expect(try await host.get("/abs/-\(number)").text == "\(number)") }
      let line = try await host.log.line(containing: "library ./unsafe.so: a call has not returned for")
      // It may have been written while two calls waited.
      #expect(line.contains("WARNING") && line.text.contains(/[12] calls? waits? for it/), "\(line)")
      #expect(line.field("route") == "GET /wait" && line.field("plugin") == "unsafe.so/1", "\(line)")
      #expect(line.field("thread") != nil && line.field("request") != nil, "\(line)")
      let status = try await run(Places.ambit.filePath, ["status"], in: host.directory)
      let holds = "  1 call waits for GET /wait, request \(line.field("request") ?? "?"), which"
      #expect(status.text.contains(holds), "\(status.text)")
      #expect(try await host.get("/soon").status == 504)
      try await waiting(1, on: host)
      try host.directory.write("", as: "go")
      #expect(try await [holder.text, late.text] == ["1", "1"])
      try await host.log.line(containing: "library ./unsafe.so: the call that kept others waiting has returned after")
      #expect(try await host.get("/most").text == "1")
    }
  }

  @Test func `A call that the full queue of its library refuses is no fault of the function`() async throws {
    let settings = "threads = 1\npool_queue = 1\n"
    try await withHost([], configuration: settings) { host in
      try await library.install(in: host.directory)
      let routes =
        route("GET /wait", "./unsafe.so: i32 wait_for_file()") + route("GET /most", "./unsafe.so: i32 most()")
      try host.configure(settings + routes)
      try await host.reload()
      async let holder = host.get("/wait")
      try await host.log.line { $0.text == "began" }
      async let next = host.get("/most")
      try await waiting(1, on: host)
      let refused = try await host.get("/most")
      #expect(refused.status == 503 && refused.text == "503 Service Unavailable: the server is busy\n")
      let line = try await host.log.line(
        containing: "pool_queue (1) of library ./unsafe.so is full, so the request was answered 503")
      #expect(line.contains("WARNING") && line.field("fault") == nil && line.field("route") == "GET /most", "\(line)")
      try host.directory.write("", as: "go")
      #expect(try await [holder.status, next.status] == [200, 200])
    }
  }

  @Test func `Calls that wait for their turn delay neither a stop nor their loop`() async throws {
    let settings = "threads = 1\npool_threads = 2\ncancel_grace = \"100ms\"\ndrain_timeout = \"0s\"\n"
    let routes =
      route("GET /wait", "./unsafe.so: i32 wait_for_file()") + route("GET /most", "./unsafe.so: i32 most()")
    try await withHost([.sample("hello")], configuration: settings) { host in
      try await library.install(in: host.directory)
      try host.configure(settings + routes)
      try await host.reload()
      let clients = try (0..<20).map { _ in try host.connect() }
      for (index, client) in clients.enumerated() {
        try await client.send("GET /\(index == 0 ? "wait" : "most") HTTP/1.1\r\nHost: ambit\r\n\r\n")
        if index == 0 { try await host.log.line { $0.text == "began" } }
      }
      try await waiting(19, on: host)
      #expect(try await host.get("/hello/World").text == "Hello, World!\n")
      #expect(await host.stop() == .exited(0))
      for client in clients { client.close() }
    }
  }

  @Test func `Functions of a library that has its own thread run on it for ever, also after a reload`() async throws {
    try await withHost([]) { host in
      try await library.install(in: host.directory)
      let routes = route("GET /count", "./unsafe.so: i32 thread_count()", "thread = \"own\"")
      try host.configure("threads = 2\n" + routes + route("GET /name", "./unsafe.so: str thread_name()"))
      try await host.reload()
      for number in 1...20 { #expect(try await host.get("/count").text == "\(number)") }
      #expect(try await host.get("/name").text == "ambit-library")
      try host.configure("threads = 2\n" + route("GET /name", "./unsafe.so: str thread_name()"))
      try await host.reload()
      #expect(try await host.get("/name").text == "ambit-pool")
      try host.configure("threads = 2\n" + routes)
      try await host.reload()
      #expect(try await host.get("/count").text == "21")
    }
  }

  @Test func `One library under two names must agree on its thread, and the error names both places`() async throws {
    try await withHost([]) { host in
      try await library.install(in: host.directory)
      try FileManager.default.createSymbolicLink(
        at: host.directory.appending(path: "link.so"), withDestinationURL: host.directory.appending(path: "unsafe.so"))
      let own = route("GET /count", "./unsafe.so: i32 thread_count()", "thread = \"own\"")
      try host.configure(own + route("GET /most", "./link.so: i32 most()", "serial = false"))
      host.child.signal(SIGHUP)
      let line = try await host.log.line(containing: "expected the same thread for all routes to one library")
      #expect(line.contains("library ./link.so: host.conf:10:1: route[1].call: "), "\(line)")
      #expect(line.contains("found pool, in parallel here and own thread at host.conf:6:1: route[0].call"), "\(line)")
      #expect(try await host.get("/count").text == "1")
      let routes = own + route("GET /most", "./link.so: i32 most()")
      try host.configure(routes)
      try await host.reload()
      #expect(try await host.get("/most").text == "0")
    }
  }

  @Test func `Functions of a library are not taken for functions of libm because of the library's name`() async throws {
    try await withTemporaryFolder { directory in
      try FileManager.default.createDirectory(
        at: directory.appending(path: "Plugins"), withIntermediateDirectories: false)
      try await PluginFile.source("int most(void) { return 1; }", name: "libm").install(in: directory)
      try FileManager.default.moveItem(
        at: directory.appending(path: "libm.so"), to: directory.appending(path: "libm.so.6"))
      try directory.write(
        route("GET /most", "./libm.so.6: i32 most()", "blocking = false")
          + route("GET /text", "libm.so.6: str strerror(i32 1)", "blocking = false"), as: "host.conf")
      let result = try await ambit("check", in: directory)
      #expect(result.status == .exited(1))
      for place in ["host.conf:3:1: route[0].call", "host.conf:7:1: route[1].call"] {
        #expect(result.errors.contains("\(place): blocking = false calls "), "\(result.errors)")
      }
    }
  }

  @Test func `Functions of a plugin run in parallel, and one at a time if the operator says so`() async throws {
    let calls =
      route("GET /parallel/{x}", "unsafe: i32 wait_for_file()", "blocking = true")
      + route("GET /serial/{x}", "unsafe: i32 most()", "serial = true")
    try await withHost([plugin], configuration: "threads = 1\n" + calls) { host in
      async let first = host.get("/parallel/1")
      async let second = host.get("/parallel/2")
      _ = try await host.log.lines(2) { $0.text == "began" }
      try host.directory.write("", as: "go")
      _ = try await (first, second)
      #expect(try await host.get("/serial/1").text == "2")
      let status = try await run(Places.ambit.filePath, ["status"], in: host.directory)
      #expect(status.text.contains("pool, in parallel; pool, one at a time"), "\(status.text)")
    }
  }

  /// Waits until `count` calls wait for their turn.
  private func waiting(_ count: Int, on host: Host) async throws {
    try await eventually(within: .seconds(30), until: { $0 == count }) {
      let generations = try await host.adminJSON("/status").objects("generations")
      return generations.flatMap { $0.objects("serial_calls") }.compactMap { $0.number("waiting") }.max()
    }
  }

  /// A `[[route]]` entry.
  private func route(_ match: String, _ call: String, _ more: String = "") -> String {
    "[[route]]\nmatch = \"\(match)\"\ncall = \"\(call)\"\n\(more)\n"
  }

  private var library: PluginFile { .source(code, name: "unsafe") }

  private var plugin: PluginFile {
    .source(
      "#include <ambit.h>\n\(code)\n"
        + "AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = \"unsafe\"};\n",
      name: "unsafe")
  }

  /// Functions that keep their arguments, or count the threads inside them, in variables of the library.
  private let code = """
    #include <stdio.h>
    #include <string.h>
    #include <pthread.h>
    #include <unistd.h>
    static volatile int inside, most_inside;
    static char text[100];
    static _Thread_local int calls;
    static void enter(void) {
      int count = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
      if (count > most_inside) most_inside = count;
    }
    static void leave(void) { __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST); }
    const char *echo(const char *given) {
      strncpy(text, given, sizeof text - 1);
      usleep(100);
      return text;
    }
    int most(void) { return most_inside; }
    int wait_for_file(void) {
      enter();
      dprintf(2, "began\\n");
      while (access("go", F_OK) != 0) usleep(1000);
      int most = most_inside;
      leave();
      return most;
    }
    int thread_count(void) { return ++calls; }
    const char *thread_name(void) {
      static char name[16];
      pthread_getname_np(pthread_self(), name, sizeof name);
      return name;
    }
    """
}
