import AmbitConfig
import AmbitCore
import Testing

@Suite struct `Where a function of a route runs` {
  /// An entry for a function, with further lines.
  private func route(_ call: String, _ lines: String...) -> String {
    "[[route]]\nmatch = 'GET /\(call.hashValue.magnitude)/\(lines.hashValue.magnitude)'\ncall = '\(call)'\n"
      + lines.map { "\($0)\n" }.joined()
  }

  @Test(arguments: ["libm.so.6: f64 cos(f64 x)", "/lib/x86_64-linux-gnu/libm.so.6: f64 lgamma_r(f64 x, out i32 s)"])
  func `A library that the host knows to be thread-safe may be called on the event loops`(call: String) {
    #expect(messages(route(call, "blocking = false")) == [])
  }

  @Test(arguments: [
    "libc.so.6: str l64a(i64 x)", "./libfoo.so: i32 f()", "libm.so: f64 cos(f64 x)", "libm.so.6: i32 fesetround(i32 x)",
    "libm.so.6: f64 lgamma(f64 x)", "libm.so.6: f64 gamma(f64 x)",
  ])
  func `Functions are not called on the event loops unless the operator says that they are thread-safe`(call: String)
    throws
  {
    #expect(messages(route(call, "blocking = false", "serial = false")) == [])
    let target = try CallTarget(parsing: call)
    #expect(
      messages(route(call, "blocking = false")) == [
        #"host.conf:4:1: route[0].blocking: expected "serial = false" beside "blocking = false", found no "serial"; "#
          + "functions of \(target.provider.name) would run on several event loops at once: add "
          + #""serial = false" if \#(target.symbol) is thread-safe, else remove "blocking", and calls run one at a "#
          + "time on a thread"
      ])
  }

  @Test func `The author of a plugin decides where its functions run`() {
    #expect(messages(route("hello: i32 f()", "blocking = false")) == [])
    #expect(messages(route("hello: i32 f()", "serial = true")) == [])
    #expect(messages(route("hello: i32 f()", "thread = 'own'")) == [])
  }

  @Test(arguments: [
    (
      ["thread = 'own'", "serial = false"],
      #"5:1: route[0].serial: expected true, or no "serial", since thread = "own" "#
    ),
    (
      ["thread = 'own'", "blocking = false"],
      #"5:1: route[0].blocking: expected true, or no "blocking", since thread = "own""#
    ),
    (
      ["thread = 'pool'", "blocking = false"],
      #"5:1: route[0].blocking: expected true, or no "blocking", since thread = "pool""#
    ),
    (
      ["serial = true", "blocking = false"],
      #"5:1: route[0].blocking: expected true, or no "blocking", since serial = true"#
    ),
    (["thread = 'mine'"], #"4:1: route[0].thread: expected "pool" or "own", found "mine""#),
    (["serial = 1"], "4:1: route[0].serial: expected true or false, found 1"),
  ])
  func `Two statements of where a function runs are refused`(lines: [String], message: String) {
    let found = messages("[[route]]\nmatch = 'GET /a'\ncall = 'a.so.1: i32 f()'\n" + lines.map { "\($0)\n" }.joined())
    #expect(found.count == 1 && found.first?.hasPrefix("host.conf:" + message) == true, "\(found)")
  }

  @Test(arguments: ["serial = true", "thread = 'own'"])
  func `A statement of where it runs is refused for a route without a function`(line: String) {
    let found = messages("[[route]]\nmatch = 'GET /a'\nblocking = true\n\(line)\n")
    #expect(found.first?.contains(#"expected only with "call", which is missing"#) == true)
  }

  @Test(arguments: [
    ("thread = 'pool'", "thread", #"thread = "pool""#), ("serial = false", "serial", "serial = false"),
  ])
  func `All routes of a library have one thread or none, and an error names both places`(
    line: String, key: String, text: String
  ) {
    let own = route("./libfoo.so: i32 f()", "thread = 'own'")
    let other = route("./libfoo.so: i32 g()", line)
    let sentence = "expected the same thread for all routes of ./libfoo.so, found"
    let reason = #"with thread = "own" all calls of a library run on one thread"#
    let ownThread = #"thread = "own""#
    #expect(
      messages(own + other) == [
        "host.conf:8:1: route[1].\(key): \(sentence) \(text) here and \(ownThread) in route[0] (line 1); \(reason)"
      ])
    #expect(
      messages(other + own) == [
        "host.conf:8:1: route[1].thread: \(sentence) \(ownThread) here and \(text) in route[0] (line 1); \(reason)"
      ])
    #expect(messages(own + route("./libfoo.so: i32 g()")) == [])
    #expect(messages(own + route("./libfoo.so: i32 g()", "serial = true")) == [])
    #expect(messages(own + route("./libbar.so: i32 g()", line)) == [])
  }
}
