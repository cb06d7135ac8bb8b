import Foundation
import TestSupport
import Testing

/// The response of the probe's route to a request without arguments.
private let allDefaults = "20 a b 1 0.5 null 3"
private let sendJSON = "send Content-Type: application/json"
private let readTypes = "fields are read from application/json and application/x-www-form-urlencoded"

/// Routes whose handlers are C functions with their natural signatures.
@Suite struct `Function routes` {
  @Test(arguments: [
    ("/sum/2/40", "42"), ("/sum/-9223372036854775808/9223372036854775807", "-1"), ("/half/0.2", "0.1"),
    ("/half/-inf", "-inf"), ("/half/nan", "nan"), ("/not/true", "false"), ("/not/0", "true"), ("/nothing", ""),
    ("/same?text=a+b%26c", "a b&c"), ("/same?text=", ""), ("/same?other=1&text=x&text=y", "x"), ("/absent", ""),
    ("/not-utf8", "caf\u{fffd}"), ("/made/text", "text!"), ("/add-up/%01%02%ff", "258"), ("/is-zero/0", "0"),
    ("/system-call/0", "12"), ("/constants", "1"), ("/small-length/four", "1"),
  ])
  func `A function route takes arguments from path and query and answers with text`(path: String, answer: String)
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await host.get(path)
      #expect(response.status == 200)
      #expect(response.text == answer)
      #expect(response["Content-Type"] == "text/plain")
    }
  }

  @Test(arguments: [
    ("application/json", #"{"a":2,"b":40}"#, "42"), ("application/json; charset=utf-8", #"{"b":"40","a":2}"#, "42"),
    ("application/x-www-form-urlencoded", "a=2&b=4%30", "42"),
    ("application/vnd.sum+json", #"{"c":{"a":[1]},"a":1,"b":-3}"#, "-2"),
  ])
  func `A function route takes arguments from the fields of a body`(type: String, body: String, answer: String)
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await post(body, type, to: "/sum", of: host)
      #expect(response.status == 200)
      #expect(response.text == answer)
    }
  }

  @Test func `A function route looks into the query before the body, and into the body only for missing arguments`()
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      let mixed = try await post("a=1&b=2", "application/x-www-form-urlencoded", to: "/sum?a=40", of: host)
      #expect(mixed.text == "42")
      let unread = try await post("no JSON", "application/json", to: "/sum?a=40&b=2", of: host)
      #expect(unread.text == "42")
    }
  }

  @Test(arguments: [
    ("/defaults", allDefaults), ("/defaults?limit=-1&q=&none=", "-1  1 0.5  0"),
    ("/defaults?flag=false&x=2&q=four&other=5", "20 four 0 2 null 4"),
  ])
  func `An argument that a request leaves out has the default value of the signature`(path: String, answer: String)
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await host.get(path)
      #expect(response.status == 200)
      #expect(response.text == answer)
    }
  }

  @Test(arguments: [
    ("application/json", #"{"limit":7,"q":"json"}"#, "7 json 1 0.5 null 4"), ("application/json", "{}", allDefaults),
    ("application/x-www-form-urlencoded", "q=form&x=1", "20 form 1 1 null 4"),
    ("application/json", #"{"limit":null,"q":null,"x":2}"#, "20 a b 1 2 null 3"),
    ("application/octet-stream", "{", allDefaults),
    ("text/plain", "limit=3", allDefaults),
  ])
  func `An argument that the body leaves out, or has as null, has its default value, too`(
    type: String, body: String, answer: String
  ) async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await post(body, type, to: "/defaults", of: host)
      #expect(response.status == 200, "\(response.text)")
      #expect(response.text == answer)
    }
  }

  @Test(arguments: [
    ("/defaults?limit=", "limit: expected i32 (-2147483648 to 2147483647), found \"\""),
    ("/defaults?limit=2147483648", "limit: expected i32"), ("/defaults?flag=maybe", "flag: expected bool"),
    ("/defaults?x=", "x: expected f64"), ("/defaults?q=a%00", "q: expected str (text without NUL)"),
  ])
  func `An argument that is empty, malformed or out of range is refused, whatever its default value`(
    path: String, reason: String
  ) async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await host.get(path)
      #expect(response.status == 400)
      #expect(response.text.hasPrefix("400 Bad Request: \(reason)"), "\(response.text)")
    }
  }

  @Test(
    arguments: [
      ("POST /same", nil, #"{"text":"abc"}"#, "the body looks like JSON, but it has no Content-Type; \(sendJSON)"),
      (
        "POST /same", "application/x-www-form-urlencoded", #"{"text":"abc"}"#,
        "the body looks like JSON, but its Content-Type is application/x-www-form-urlencoded (curl sends that by default); "
          + sendJSON
      ),
      (
        "POST /same", "text/plain", #"{"text":"abc"}"#,
        "the body looks like JSON, but its Content-Type is text/plain; \(sendJSON)"
      ),
      (
        "POST /same", "multipart/form-data; boundary=x", "--x--",
        "the body has the Content-Type multipart/form-data; boundary=x; \(readTypes)"
      ),
      ("POST /same", "application/xml", "<text/>", "the body has the Content-Type application/xml; \(readTypes)"),
      ("POST /defaults", nil, #" {"limit":5}"#, "the body looks like JSON, but it has no Content-Type; \(sendJSON)"),
      ("POST /defaults", "multipart/form-data", "", "the body has the Content-Type multipart/form-data; \(readTypes)"),
    ] as [(String, String?, String, String)])
  func `A request that lacks an argument is told why the fields of its body were not read`(
    route: String, type: String?, body: String, reason: String
  ) async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let field = type.map { "Content-Type: \($0)\r\n" } ?? ""
      let response = try await host.answer(
        to: "\(route) HTTP/1.1\r\nHost: ambit\r\n\(field)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      #expect(response.status == 400)
      #expect(response.text.hasSuffix(", found nothing in path, query or body: \(reason)\n"), "\(response.text)")
    }
  }

  @Test func `A function that takes the body itself gets its default values, whatever the body looks like`()
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      let unread = try await post("{}", "application/x-www-form-urlencoded", to: "/keyed", of: host)
      #expect(unread.text == "3")
      let form = try await post("a=5", "application/x-www-form-urlencoded", to: "/keyed", of: host)
      #expect(form.text == "8")
      let other = try await post("", "text/plain", to: "/sized/abc", of: host)
      #expect(other.text == "abc!")
    }
  }

  @Test func `A function route decodes JSON strings`() async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await post(#"{"text":"\u00e9\n\ud83d\ude00"}"#, "application/json", to: "/same", of: host)
      #expect(response.text == "é\n😀")
    }
  }

  @Test(arguments: [
    ("/sum/2/x", "b: expected i64 (-9223372036854775808 to 9223372036854775807), found \"x\""),
    ("/sum/2/9223372036854775808", "b: expected i64"), ("/half/1e999", "x: expected f64"),
    ("/not/maybe", "x: expected bool (true, false, 1 or 0), found \"maybe\""),
    ("/same", "text: expected str (text without NUL), found nothing in path, query or body"),
    ("/same?text=a%00b", "text: expected str (text without NUL)"),
    ("/small-length/" + String(repeating: "x", count: 256), "len(text): expected u8 (0 to 255), found 256"),
  ])
  func `A function route refuses with 400 arguments that the function cannot be called with`(
    path: String, reason: String
  ) async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await host.get(path)
      #expect(response.status == 400)
      #expect(response.text.hasPrefix("400 Bad Request: \(reason)"), "\(response.text)")
    }
  }

  @Test(arguments: [
    (#"{"a":1,"b":2.5}"#, "b: expected i64"), (#"{"a":1,"b":null}"#, "b: expected i64"),
    (#"{"a":1,"b":[2]}"#, "b: expected i64"), (#"{"a":1,"b":2"#, "body: expected"), ("[]", "body: expected"),
    (#"{"a":1,"a":1,"b":2}"#, "body: expected each name once"), ("", "body: expected"),
  ])
  func `A function route refuses with 400 a JSON body that does not have the fields`(body: String, reason: String)
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await post(body, "application/json", to: "/sum", of: host)
      #expect(response.status == 400)
      #expect(response.text.hasPrefix("400 Bad Request: \(reason)"), "\(response.text)")
    }
  }

  @Test func `A function route passes the body as bytes or text with its length`() async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let bytes = try await post("\u{1}\u{2}\0\u{7f}", "application/octet-stream", to: "/add-up", of: host)
      #expect(bytes.text == "130")
      let empty = try await post("", "application/octet-stream", to: "/add-up", of: host)
      #expect(empty.text == "0")
      let text = try await send("PUT", "some text", "text/plain", to: "/same", of: host)
      #expect(text.text == "some text")
      let nul = try await send("PUT", "a\0b", "text/plain", to: "/same", of: host)
      #expect(nul.status == 400)
      #expect(nul.text == "400 Bad Request: body: expected str (text without NUL), found one at byte 2\n")
    }
  }

  @Test func `A function route reports variables and buffers as JSON`() async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await post("abcdefghij", "text/plain", to: "/describe", of: host)
      #expect(
        response.text
          == #"{"result":10,"mean":101.5,"least":-128,"name":"some \"text\"","capitals":"ABCDEFGH"}"#)
      #expect(response["Content-Type"] == "application/json")
      let nothing = try await post("", "text/plain", to: "/describe", of: host)
      #expect(nothing.text == #"{"result":0,"mean":null,"least":-128,"name":null,"capitals":""}"#)
    }
  }

  @Test(arguments: [
    ("/sum/1/2", #"{"result":3}"#), ("/half/inf", #"{"result":null}"#), ("/nothing", #"{"result":null}"#),
    ("/absent", #"{"result":null}"#), ("/not/0", #"{"result":true}"#), ("/made/a", #"{"result":"a!"}"#),
  ])
  func `A function route answers with JSON if the client prefers JSON`(path: String, answer: String) async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await host.answer(
        to: "GET \(path) HTTP/1.1\r\nHost: ambit\r\nAccept: text/plain;q=0.5, application/json\r\n\r\n")
      #expect(response.text == answer)
      #expect(response["Content-Type"] == "application/json")
    }
  }

  @Test func `A function route says that it cannot put text into JSON that is not UTF-8`() async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await host.answer(
        to: "GET /not-utf8 HTTP/1.1\r\nHost: ambit\r\nAccept: application/json\r\n\r\n")
      #expect(response.status == 500)
      let reason = "the function reports text under \"result\" that is not UTF-8, as JSON has to be"
      #expect(response.text.hasPrefix("500 Internal Server Error: \(reason) (request "))
      let line = try await host.log.line(containing: reason)
      #expect(line.field("plugin") == "typed_routes/1")
    }
  }

  @Test func `A function route answers with 500 and the reason if errno says that the function failed`() async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let reason = "the function failed: No such file or directory"
      let response = try await host.get("/system-call/2")
      #expect(response.status == 500)
      #expect(response.text.hasPrefix("500 Internal Server Error: \(reason) (request "))
      try await host.log.line(containing: reason)
    }
  }

  @Test(arguments: [
    (-11, 400, "AMBIT_BAD_REQUEST"), (-12, 404, "AMBIT_NOT_FOUND"), (-4, 500, "AMBIT_INVALID"),
    (-5, 503, "AMBIT_LIMIT"), (-2, 504, "AMBIT_TIMED_OUT"), (-10, 500, "AMBIT_FAILED"), (22, 500, "22"),
  ])
  func `The status of a plugin's function means the same as that of a handler`(code: Int, expected: Int, name: String)
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      for route in ["/refuse", "/refuse-blocking"] {
        let position = host.log.position
        let answer = try await host.get("\(route)/\(code)")
        #expect(answer.status == expected && isOneLine(answer.text) && !answer.text.contains("moon"), "\(answer)")
        let line = try await host.log.line(after: position, containing: "function returned \(name): the moon is full")
        let isClients = (400..<500).contains(expected)
        #expect(line.contains(isClients ? " INFO " : " ERROR "), "\(line)")
        #expect(line.field("fault") == (isClients ? nil : "plugin"), "\(line)")
      }
    }
  }

  @Test(arguments: [
    (
      "/is-zero/404",
      "return AMBIT_NOT_FOUND, or add a parameter scope to the function and to its signature, and return AMBIT_OK after "
        + "ambit_set_status(scope, 404)"
    ),
    (
      "/is-zero/409",
      "add a parameter scope to the function and to its signature, and return AMBIT_OK after "
        + "ambit_set_status(scope, 409)"
    ),
    ("/is-zero/200", "return AMBIT_OK fault=plugin"),
    ("/refuse/409", "return AMBIT_OK after ambit_set_status(scope, 409)"),
  ])
  func `A function that returns an HTTP status is told what it can do with its signature`(path: String, advice: String)
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      #expect(try await host.get(path).status == 500)
      let code = path.suffix(3)
      try await host.log.line(containing: "which is no ambit_status; to answer \(code), \(advice)")
    }
  }

  @Test func `A function that returns AMBIT_PENDING leaves the response to its job`() async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let answer = try await host.get("/later")
      #expect(answer.text == "later")
    }
  }

  @Test func `A function of a plugin that host.conf makes a route returns a status as well`() async throws {
    let configuration = """
      [[route]]
      match = "GET /as-a-route/{code}"
      call = "reports: status report(i32 code)"
      """
    let plugin = PluginFile.source(
      """
      #include <ambit.h>
      AMBIT_EXPORT int32_t report(int32_t code) { return code; }
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "reports", .version = "1"};
      """, name: "reports")
    try await withHost([plugin], configuration: configuration) { host in
      let (missing, fine) = (try await host.get("/as-a-route/-12"), try await host.get("/as-a-route/0"))
      #expect(missing.status == 404 && fine.status == 200)
    }
  }

  @Test func `A function route runs on the loop, or on a pool thread if it is blocking, with the scope either way`()
    async throws
  {
    try await withHost([.probe("typed_routes")]) { host in
      let here = try await host.get("/where")
      #expect(here.text.hasSuffix(" 0") && !here.text.hasPrefix("ambit-pool"), "\(here.text)")
      let there = try await host.get("/where-blocking")
      #expect(there.text == "ambit-pool 0")
    }
  }

  @Test(arguments: ["/wait", "/wait-blocking"])
  func `A function route ends the function's waits when the client leaves`(path: String) async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let connection = try host.connect()
      try await connection.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      try await host.log.line(containing: "waiting")
      connection.close()
      try await host.log.line(containing: "waited -1 disconnect")
      #expect(try await host.get("/sum/1/1").text == "2")
      #expect(host.log.lines { $0.contains("fault=") }.isEmpty)
    }
  }

  @Test func `A function route leaves the response to a function that gives its own`() async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await host.get("/respond")
      #expect(response.status == 418)
      #expect(response.text == "own\n")
    }
  }

  @Test func `A function route answers HEAD with the length of the text`() async throws {
    try await withHost([.probe("typed_routes")]) { host in
      let response = try await host.answer(to: "HEAD /sum/20/22 HTTP/1.1\r\nHost: ambit\r\n\r\n", toHead: true)
      #expect(response["Content-Length"] == "2")
    }
  }

  @Test func `A function route goes with the library of a plugin that is unloaded`() async throws {
    let source = #"""
      #include <ambit.h>
      static int32_t same(int32_t x, const char *text) { return text[0] == 'c' ? x : -1; }
      static const ambit_route routes[] = {
          {.pattern = "GET /same/{x}", .function = (ambit_function)same, .signature = "i32 (i32 x, str \"c\")"}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "going", .routes = routes,
          .route_count = 1, .flags = AMBIT_PLUGIN_UNLOADABLE};
      """#
    try await withHost([.source(source, name: "going")]) { host in
      #expect(try await host.get("/same/7").text == "7")
      try FileManager.default.removeItem(at: host.plugins.appending(path: "going.so"))
      try await host.reload()
      let retired = try await host.log.line(containing: "plugin generation retired")
      #expect(retired.field("library") == "unloaded")
      #expect(try await host.get("/same/7").status == 404)
    }
  }

  private func post(_ body: String, _ type: String, to path: String, of host: Host) async throws -> ReceivedResponse {
    try await send("POST", body, type, to: path, of: host)
  }

  private func send(
    _ method: String, _ body: String, _ type: String, to path: String, of host: Host
  ) async throws -> ReceivedResponse {
    let head = "\(method) \(path) HTTP/1.1\r\nHost: ambit\r\nContent-Type: \(type)\r\n"
    return try await host.answer(to: "\(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
  }
}

/// Texts in memory that the functions keep.
@Suite struct `Texts that functions report` {
  /// One text for all callers, as strerror(3) and asctime(3) have it, and too long for a socket's buffers.
  private static let filled = PluginFile.source(
    """
    #include <string.h>
    enum { LENGTH = 8 << 20 };
    static char text[LENGTH + 1];
    const char *filled(char letter) { return memset(text, letter, LENGTH); }
    """, name: "filled")

  @Test(arguments: ["/loop?letter=97", "/pool?letter=97"])
  func `Texts that functions report are answered as they were when the function returned`(path: String) async throws {
    try await withHost([]) { host in
      try await Self.filled.install(in: host.directory)
      try host.configure(
        route("/loop", "str filled(i8 letter)", "blocking = false\nserial = false")
          + route("/pool", "str filled(i8 letter)", "blocking = true"))
      try await host.reload()
      let slow = try host.connect(receiveBuffer: 4096)
      defer { slow.close() }
      try await slow.send("GET \(path) HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let begun = try await slow.head()
      let other = try await host.get("/pool?letter=98")
      #expect(other.text.utf8.allSatisfy { $0 == UInt8(ascii: "b") })
      let length = try #require(begun["Content-Length"].flatMap { Int($0) })
      let body = try await slow.take(length)
      #expect(length == 8 << 20)
      #expect(body.count { $0 == UInt8(ascii: "a") } == length)
    }
  }

  private func route(_ path: String, _ call: String, _ settings: String) -> String {
    "[[route]]\nmatch = 'GET \(path)'\ncall = './filled.so: \(call)'\n\(settings)\n"
  }
}
