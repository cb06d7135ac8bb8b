import AmbitConfig
import AmbitCore
import Testing

@Suite struct `Routes of a configuration` {
  private func routes(_ text: String) throws -> [RouteSetting] {
    try HostConfiguration.parse(text: text, file: "host.conf").routes
  }

  @Test func `A route has every key, and the place of its entry and of its call`() throws {
    let text = """
      [[route]]
      match = "GET /cos/{x}"
      call = "libm.so.6: f64 cos(f64 x)"
      timeout = "2s"
      blocking = false
      serial = false
      on_disconnect = "finish"
      stack_size = "4MiB"
      buffer_body = "0"
      content_type = "text/csv; charset=utf-8"
      optional = true
      """
    let place = SettingPlace(path: "route[0]", position: SourcePosition(line: 1, column: 1))
    let callPlace = SettingPlace(path: "route[0].call", position: SourcePosition(line: 3, column: 1))
    var expected = RouteSetting(match: try RoutePattern("GET /cos/{x}"), place: place)
    expected.call = .init(target: try CallTarget(parsing: "libm.so.6: f64 cos(f64 x)"), place: callPlace)
    expected.timeout = .after(.seconds(2))
    expected.blocking = false
    expected.serial = false
    expected.onDisconnect = .finish
    expected.stackSize = 4 << 20
    expected.bufferBody = 0
    expected.contentType = "text/csv; charset=utf-8"
    expected.optional = true
    #expect(try routes(text) == [expected])
  }

  @Test func `A route leaves open the keys that it does not have`() throws {
    let route = try #require(try routes("[[route]]\nmatch = '* /{all...}'\ncall = 'x: void f()'\n").first)
    #expect(route.timeout == nil && route.blocking == nil && route.onDisconnect == nil && route.stackSize == nil)
    #expect(
      route.bufferBody == nil && route.contentType == nil && route.optional == nil && route.serial == nil
        && route.thread == nil)
  }

  @Test func `A route without a call changes a plugin's route`() throws {
    let text = "[[route]]\nmatch = 'GET /a'\ntimeout = '0s'\n[[route]]\nmatch = 'POST /a'\non_disconnect = 'cancel'\n"
    let routes = try routes(text)
    #expect(routes.map(\.call) == [nil, nil])
    #expect(routes.map(\.timeout) == [.unlimited, nil])
    #expect(routes.map(\.onDisconnect) == [nil, .cancel])
    #expect(routes.map(\.place.position?.line) == [1, 4])
  }

  @Test(arguments: [
    ("match = 'GET /a'\nbuffer_body = '64KiB'", 65536), ("match = 'GET /a'\nbuffer_body = 0", 0),
    ("match = 'GET /a'\nbuffer_body = '1GiB'\ncall = 'libm.so.6: f64 cos(f64 x)'", 1 << 30),
    ("match = 'GET /a'\nbuffer_body = 1\ncall = 'm: void f()'\nserial = true", 1),
    ("match = 'GET /a'\nbuffer_body = 1\ncall = 'm: void f()'\nthread = 'pool'", 1),
    ("match = 'GET /a'\nbuffer_body = 0\ncall = 'm: void f()'", 0),
  ])
  func `A route may say how much of a body is received before it takes a thread`(keys: String, size: Int) throws {
    #expect(try routes("[[route]]\n" + keys).map(\.bufferBody) == [size])
  }

  @Test(arguments: ["call = 'm: void f()'", "call = 'libm.so.6: f64 cos(f64 x)'\nblocking = false"])
  func `A buffer for bodies needs a function that runs on a thread`(call: String) {
    let message =
      "host.conf:3:1: route[0].buffer_body: expected a function that runs on a thread, since a request on an event "
      + "loop holds no thread while its body comes; found one that runs on the event loops: "
      + #"add "blocking = true", or remove "buffer_body""#
    #expect(messages("[[route]]\nmatch = 'GET /a'\nbuffer_body = '1B'\n\(call)") == [message])
  }

  @Test(arguments: [
    ("[route]", "1:2: route: expected a table for each route, [[route]], found a table"),
    ("route = 1", "1:1: route: expected a table for each route, [[route]], found 1"),
    ("route = [1]", "1:10: route[0]: expected a table, [[route]], found 1"),
    (
      "[[route]]\ncall = 'm: f64 f()'",
      #"1:1: route[0]: expected "match", the pattern of the route, such as "GET /cos/{x}"; it is missing"#
    ),
    (
      "[[route]]\nmatch = 1\nblocking = true",
      #"2:1: route[0].match: expected a pattern such as "GET /cos/{x}", found 1"#
    ),
    (
      "[[route]]\nmatch = 'GET cos'\nblocking = true",
      #"2:1: route[0].match: "GET cos": column 5: expected a path that begins with "/", found "cos""#
    ),
    (
      "[[route]]\nmatch = 'GET /a'\ncall = ' '",
      #"3:1: route[0].call: expected a C function such as "libm.so.6: f64 cos(f64 x)", found " ""#
    ),
    (
      "[[route]]\nmatch = 'GET /a'\ncall = 'libm.so.6: f46 cos(f64 x)'",
      "3:1: route[0].call:1:12: unknown type `f46`; did you mean `f64`?"
    ),
    (
      "[[route]]\nmatch = 'GET /a'\ntimeout = '25h'",
      #"3:1: route[0].timeout: expected a duration from 1ms to 24h, or "0s" for no limit, found "25h""#
    ),
    ("[[route]]\nmatch = 'GET /a'\nblocking = 'no'", #"3:1: route[0].blocking: expected true or false, found "no""#),
    (
      "[[route]]\nmatch = 'GET /a'\nstack_size = '65MiB'",
      #"3:1: route[0].stack_size: expected a size from 16KiB to 64MiB, found "65MiB""#
    ),
    (
      "[[route]]\nmatch = 'GET /a'\nbuffer_body = '2GiB'",
      #"3:1: route[0].buffer_body: expected a size from 0B to 1GiB, found "2GiB""#
    ),
    (
      "[[route]]\nmatch = 'GET /a'\non_disconnect = 'finnish'",
      #"3:1: route[0].on_disconnect: expected "cancel" or "finish", found "finnish"; did you mean "finish"?"#
    ),
    (
      "[[route]]\nmatch = 'GET /a'\nblocking = true\noptional = false",
      #"4:1: route[0].optional: expected only with "call", which is missing"#
    ),
    (
      "[[route]]\nmatch = 'GET /a'\nblocking = true\ncontent_type = 'a/b'",
      #"4:1: route[0].content_type: expected only with "call", which is missing"#
    ),
    (
      "[[route]]\nmatch = 'GET /a'",
      #"1:1: route[0]: expected "call", or a change of a plugin's route: "timeout", "blocking", "on_disconnect", "#
        + #""stack_size" or "buffer_body"; all are missing"#
    ),
    (
      "[[route]]\nmatch = 'GET /a'\nblokcing = true",
      #"3:1: route[0]: unknown key "blokcing"; did you mean "blocking"?"#
    ),
    (
      "[[route]]\nmatch = 'GET /a/{x}'\nblocking = true\n[[route]]\nmatch = 'GET /a/{y}'\ncall = 'm: f64 f()'",
      #"5:1: route[1].match: expected each route once, found "GET /a/{y}", which route[0] matches already"#
    ),
  ])
  func `A malformed route is refused with what was expected`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test func `An unknown key of a route is refused with a list if no known key is near`() {
    let known =
      "match, call, timeout, blocking, serial, thread, on_disconnect, stack_size, buffer_body, content_type, "
      + "optional"
    let message = #"host.conf:4:1: route[0]: unknown key "colour"; known here: "# + known
    #expect(messages("[[route]]\nmatch = 'GET /a'\nblocking = true\ncolour = 1") == [message])
  }

  @Test(arguments: ["text", "text/a b"]) func `An error of a content type says what a content type looks like`(
    type: String
  ) {
    let text = "[[route]]\nmatch = 'GET /a'\ncall = 'm: f64 f()'\ncontent_type = '\(type)'"
    let message = #"4:1: route[0].content_type: expected a media type such as "text/csv; charset=utf-8", found "#
    #expect(messages(text) == ["host.conf:\(message)\"\(type)\""])
  }

  @Test func `Errors of a route are reported together with all other errors`() {
    let text = """
      lisen = 1
      [limits]
      max_target = "64KiB"
      [[route]]
      match = "GET /a"
      call = "m: f46 f()"
      """
    #expect(errors(text)?.map(\.position?.line) == [1, 3, 6])
  }

  @Test func `All errors of a route's entry are reported`() {
    let text =
      "[[route]]\nmatch = 'GET a'\ntimeout = 1\nblocking = 1\ncolour = 1\n"
      + "[[route]]\nmatch = 1\ncall = 1\n[[route]]\nmatch = 'GET /a'\ncall = 'm: f64 f'\n"
    #expect(errors(text)?.map(\.position?.line) == [2, 3, 4, 5, 7, 8, 11])
  }
}
