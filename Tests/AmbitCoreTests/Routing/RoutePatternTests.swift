import AmbitCore
import Testing

@Suite("Route pattern") struct RoutePatternTests {
  @Test func `A route pattern has a method, literals, parameters and a rest`() throws {
    let pattern = try RoutePattern("GET /files/{user}/{path...}")
    #expect(pattern.method == "GET")
    #expect(pattern.segments == [.literal(Array("files".utf8)), .parameter("user"), .rest("path")])
    #expect(pattern.parameterNames == ["user", "path"])
  }

  @Test(arguments: [
    "GET /", "* /", "POST /a", "GET /a/", "M-SEARCH /a/{b}", "GET /{_a1}/x/{rest...}", "GET /a.b/...c/..d/{e}",
  ])
  func `A route pattern is written as it was read`(text: String) throws {
    #expect(try RoutePattern(text).description == text)
  }

  @Test(arguments: [
    ("GET /%61b", "GET /ab"), ("GET /a%2fb", "GET /a%2Fb"), ("GET /a%20b", "GET /a%20b"), ("GET /é", "GET /%C3%A9"),
    ("GET /a+b:c@d", "GET /a+b:c@d"), ("GET /%7bx%7D", "GET /%7Bx%7D"), ("GET /%09", "GET /%09"),
  ])
  func `A route pattern decodes literals and writes them in one way`(text: String, canonical: String) throws {
    let pattern = try RoutePattern(text)
    #expect(pattern.description == canonical)
    #expect(try RoutePattern(canonical) == pattern)
  }

  @Test func `A route pattern distinguishes a slash at the end`() throws {
    #expect(try RoutePattern("GET /a").meaning != RoutePattern("GET /a/").meaning)
  }

  @Test(arguments: [
    ("", #"column 1: expected a method in upper case or "*", found the end"#),
    ("get /", #"column 1: expected a method in upper case or "*", found "get""#),
    ("G*T /", #"column 1: expected a method in upper case or "*", found "G*T""#),
    ("GET", #"column 4: expected one space after the method "GET", which has no lower-case letters, found the end"#),
    ("GET  /", #"column 5: expected a path that begins with "/", found " ""#),
    ("GET hello", #"column 5: expected a path that begins with "/", found "hello""#),
    ("GET //a", #"column 6: expected a segment between two slashes, found "/a""#),
    ("GET /a//", #"column 8: expected a segment between two slashes, found "/""#),
    ("GET /a b", #"column 7: expected a byte that a path may contain, others as %XX, found " b""#),
    ("GET /a?b", #"column 7: expected a byte that a path may contain, others as %XX, found "?b""#),
    ("GET /a{b}", #"column 7: expected a byte that a path may contain, others as %XX, found "{b}""#),
    ("GET /%4", #"column 6: expected an escape of two hexadecimal digits other than %00, found "%4""#),
    ("GET /%00", #"column 6: expected an escape of two hexadecimal digits other than %00, found "%00""#),
    ("GET /%g1", #"column 6: expected an escape of two hexadecimal digits other than %00, found "%g1""#),
    ("GET /a/..", #"column 8: expected a segment other than "." and "..", found "..""#),
    ("GET /%2e", #"column 6: expected a segment other than "." and "..", found "%2e""#),
    ("GET /x%2F..", #"column 6: expected a segment other than "." and "..", found "x%2F..""#),
    ("GET /{a", #"column 8: expected "}" before the segment ends, found the end"#),
    ("GET /{a/b}", #"column 8: expected "}" before the segment ends, found "/b}""#),
    ("GET /{a}b", #"column 9: expected "/" or the end, since a parameter fills its segment, found "b""#),
    ("GET /{}", #"column 7: expected a name inside the braces, found "}""#),
    ("GET /{...}", #"column 7: expected a name inside the braces, found "...}""#),
    (
      "GET /{1a}",
      #"column 7: expected a name made of letters, digits and "_" that does not begin with a digit, found "1a}""#
    ),
    (
      "GET /{a-b}",
      #"column 8: expected a name made of letters, digits and "_" that does not begin with a digit, found "-b}""#
    ),
    ("GET /{a}/{a}", #"column 11: expected each name once, found "a" a second time"#),
    ("GET /{a...}/b", #"column 12: expected the end after "{a...}", which takes the rest of the path, found "/b""#),
    ("GET /{a...}/", #"column 12: expected the end after "{a...}", which takes the rest of the path, found "/""#),
  ])
  func `A malformed route pattern is refused with the place and the reason`(text: String, message: String) {
    let error = #expect(throws: RoutePatternError.self) { try RoutePattern(text) }
    #expect(error?.description == "\"\(text)\": \(message)")
  }

  @Test func `A route pattern has at most 64 segments`() throws {
    let path = String(repeating: "/a", count: 64)
    #expect(try RoutePattern("GET " + path).segments.count == 64)
    let error = #expect(throws: RoutePatternError.self) { try RoutePattern("GET \(path)/b") }
    #expect(error?.offset == 4 + 129)
    #expect(error?.expected == "at most 64 segments")
  }

  @Test func `A route pattern has at most 16 parameters`() throws {
    let path = (1...16).map { "/{p\($0)}" }.joined()
    #expect(try RoutePattern("GET " + path).parameterNames.count == 16)
    let error = #expect(throws: RoutePatternError.self) { try RoutePattern("GET \(path)/{rest...}") }
    #expect(error?.expected == "at most 16 parameters")
  }

  @Test func `A route pattern means the same whatever its parameters are called`() throws {
    let meaning = try RoutePattern("GET /a/{b}/{c...}").meaning
    #expect(try RoutePattern("GET /%61/{x}/{y...}").meaning == meaning)
    for other in ["POST /a/{b}/{c...}", "* /a/{b}/{c...}", "GET /a/{b}/{c}", "GET /a/b/{c...}", "GET /a/{b}"] {
      #expect(try RoutePattern(other).meaning != meaning)
    }
  }
}

@Suite("Route prefix") struct RoutePrefixTests {
  @Test(arguments: [
    ("GET /hello/{name}", "/v1", "GET /v1/hello/{name}"), ("GET /", "/v1/beta", "GET /v1/beta/"),
    ("GET /a", "/", "GET /a"), ("* /{all...}", "/a%2fb", "* /a%2Fb/{all...}"),
  ])
  func `A prefix mounts a pattern below it`(pattern: String, prefix: String, mounted: String) throws {
    #expect(try RoutePattern(pattern).prefixed(by: prefix).description == mounted)
  }

  @Test(arguments: [
    ("", #"column 1: expected a path that begins with "/", found the end"#),
    ("v1", #"column 1: expected a path that begins with "/", found "v1""#),
    ("/v1/", #"column 4: expected a prefix that does not end in a slash, found "/""#),
    ("/{tenant}", #"column 2: expected a prefix without parameters, found "{tenant}""#),
    ("/a/../b", #"column 4: expected a segment other than "." and "..", found "..""#),
  ])
  func `A prefix is refused unless it is a path of literals`(prefix: String, message: String) throws {
    let pattern = try RoutePattern("GET /a")
    let error = #expect(throws: RoutePatternError.self) { try pattern.prefixed(by: prefix) }
    #expect(error?.description == "\"\(prefix)\": \(message)")
  }

  @Test func `A prefix counts towards the 64 segments`() throws {
    let pattern = try RoutePattern("GET " + String(repeating: "/a", count: 63))
    #expect(try pattern.prefixed(by: "/b").segments.count == 64)
    let error = #expect(throws: RoutePatternError.self) { try pattern.prefixed(by: "/b/c") }
    #expect(error?.expected == "at most 64 segments in all")
    #expect(error?.found == "65")
  }
}
