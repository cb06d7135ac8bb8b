import Foundation
import TestSupport
import Testing

/// The depth of calls that handlers and jobs may reach, by default and with larger stacks.
@Suite struct `The stack of a handler` {
  @Test func `The stack of a handler has more than a megabyte by default, and the stack of a thread has more`()
    async throws
  {
    try await withHost([.probe("stacks")]) { host in
      let answers = [try await host.get("/deep/1300").text, try await host.get("/thread/2000").text]
      #expect(answers == ["1\n", "1\n"])
    }
  }

  @Test func `The stack of a handler is enough for a regular expression of C++ over 1,500 letters by default`()
    async throws
  {
    let source = """
      #include <ambit.h>
      #include <regex>
      static int32_t match(ambit_scope *scope) {
        ambit_str body;
        if (ambit_status status = ambit_body(scope, &body); status != AMBIT_OK)
          return status;
        bool matches = std::regex_match(body.ptr, body.ptr + body.len, std::regex("([a-z]|[0-9])*"));
        return ambit_respond(scope, 200, "text/plain", matches ? "yes" : "no", matches ? 3 : 2);
      }
      static const ambit_route routes[] = {ambit_make_route("POST /match", match)};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = ambit_make_plugin("match", "1", "Matches.", routes);
      """
    for flags in [["-O0"], ["-O2"]] where !Places.isSanitized {
      try await withHost([.source(source, name: "match", language: "cpp", flags: flags)]) { host in
        let letters = String(repeating: "a", count: 1500)
        let head = "POST /match HTTP/1.1\r\nHost: ambit\r\nContent-Length: 1500\r\n\r\n"
        let answer = try await host.answer(to: head + letters)
        #expect(answer.text == "yes")
      }
    }
  }

  @Test func `The stack of a handler has the size of handler_stack_size, which does not apply to jobs`() async throws {
    try await withHost([.probe("stacks")], configuration: "handler_stack_size = \"8MiB\"") { host in
      let answers = [try await host.get("/deep/7000").text, try await host.get("/job/4000").text]
      #expect(answers == ["1\n", "1\n"])
    }
  }

  @Test(arguments: ["/route/14000", "/configured/14000", "/call/7000", "/job/7000"])
  func `The stack is as large as the route, the configuration or the options of a job ask for`(target: String)
    async throws
  {
    let route = "[[route]]\nmatch = \"GET /configured/{kib}\"\nstack_size = \"16MiB\"\n"
    try await withHost([.probe("stacks")], configuration: route) { host in
      for target in [target, target, "/deep/900", target] {
        let answer = try await host.get(target).text
        #expect(answer.hasPrefix("1"))
      }
    }
  }

  @Test func `The stack of a handler is as large as the plugin asks for if its route does not say`() async throws {
    let source = try String(contentsOf: Places.probe("stacks"), encoding: .utf8)
    let flags = ["-DPLUGIN_STACK_SIZE=(4u<<20)", "-I", Places.probe("stacks").deletingLastPathComponent().filePath]
    try await withHost([.source(source, name: "stacks", flags: flags)]) { host in
      let answers = [try await host.get("/deep/3500").text, try await host.get("/route/14000").text]
      #expect(answers == ["1\n", "1\n"])
    }
  }

  @Test func `A handler on a large stack may wait, beside others of its size`() async throws {
    try await withHost([.probe("stacks")], configuration: "threads = 1") { host in
      let head = "POST /wait/7000 HTTP/1.1\r\nHost: ambit\r\nContent-Length: 5\r\n\r\n"
      let connections = try (0..<5).map { _ in try host.connect() }
      for connection in connections { try await connection.send(head + "ab") }
      for connection in connections.reversed() { try await connection.send("cde") }
      for connection in connections {
        #expect(try await connection.response().text == "1 of 5\n")
        // The next request of the same connection has the usual stack.
        try await connection.send("GET /deep/10 HTTP/1.1\r\nHost: ambit\r\n\r\n" + head + "abcde")
        #expect(try await connection.response().text == "1\n")
        #expect(try await connection.response().text == "1 of 5\n")
      }
    }
  }

  @Test func `A large stack is left in order when the client leaves or the time is over`() async throws {
    let route = "[[route]]\nmatch = \"GET /hold/{kib}\"\ntimeout = \"300ms\"\n"
    try await withHost([.probe("stacks")], configuration: route) { host in
      #expect(try await host.get("/hold/7000").status == 504)
      try await host.log.line(containing: "woken with -1, 1")
      let position = host.log.position
      let connection = try host.connect()
      try await connection.send("GET /hold/7000 HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(after: position, containing: "handler waits")
      connection.reset()
      try await host.log.line(after: position, containing: "woken with -1, 1")
      try await host.log.line(after: position, containing: "hold closed")
      #expect(try await host.get("/route/14000").text == "1\n")
    }
  }

  @Test(.enabled(if: Places.tool("prlimit") != nil && !Places.isSanitized))
  func `A missing stack is logged, and answered with 503, when there is no memory for it`() async throws {
    try await withHost([.probe("stacks")], configuration: "threads = 1", isSingle: true) { host in
      let limit = try host.memory("VmSize") + 12 << 20
      _ = try await run("prlimit", ["--pid=\(host.servingProcess)", "--as=\(limit):"])
      #expect(try await host.get("/route/1").status == 503)
      try await host.log.line(
        containing: "cannot run the handler: no memory for a stack of 16777216 bytes; answered 503")
      _ = try await run("prlimit", ["--pid=\(host.servingProcess)", "--as=unlimited:"])
      #expect(try await host.get("/route/14000").text == "1\n")
    }
  }

  @Test func `The stack of a handler cannot be larger than a thread's if the handler runs on a thread`() async throws {
    let route =
      "[[route]]\nmatch = \"GET /deep/{kib}\"\nstack_size = \"64MiB\"\nblocking = true\n"
      + "[[route]]\nmatch = \"GET /route/{kib}\"\nstack_size = \"64MiB\"\n"
      + "[[route]]\nmatch = \"GET /abs/{i}\"\ncall = \"libc.so.6: i32 abs(i32 i)\"\nstack_size = \"64MiB\"\n"
      + "[[route]]\nmatch = \"GET /thread/{kib}\"\nstack_size = \"64MiB\"\n"
      + "[[route]]\nmatch = \"GET /lowered/{kib}\"\nblocking = true\n"
      + "[[route]]\nmatch = \"POST /wait/{kib}\"\nblocking = true\n"
    try await withTemporaryFolder { directory in
      try await PluginFile.probe("stacks").install(in: directory)
      try directory.write("plugins = \".\"\n" + route, as: "host.conf")
      let result = try await run(
        "prlimit",
        ["--stack=8388608", Places.ambit.filePath, "check", "-c", directory.appending(path: "host.conf").filePath])
      #expect(result.status == .exited(1))
      #expect(
        result.errors.contains(
          "route[0].stack_size: expected at most 8388608 bytes, which the stacks of threads have (ulimit -s), "
            + "found 67108864"), "\(result.errors)\(result.text)")
      #expect(!result.errors.contains("route[1]") && result.errors.contains("route[2].stack_size"))
      #expect(result.errors.contains("route[3].stack_size: expected at most 8388608 bytes"), "\(result.errors)")
      #expect(
        result.errors.contains("route[4].blocking: expected a handler whose stack is at most 8388608 bytes")
          && result.errors.contains("plugin stacks asks for 16777216 bytes"), "\(result.errors)")
      #expect(!result.errors.contains("route[5]"))
    }
  }
}
