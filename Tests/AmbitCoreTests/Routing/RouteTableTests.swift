import AmbitCore
import Testing

@Suite("Route table") struct RouteTableTests {
  @Test func `A route table prefers a literal to a parameter and a parameter to a rest`() throws {
    let table = try RouteTable("GET /a/{rest...}", "GET /a/{x}", "GET /a/b")
    #expect(try table.pattern(answering: "GET /a/b") == "GET /a/b")
    #expect(try table.pattern(answering: "GET /a/c") == "GET /a/{x}")
    #expect(try table.pattern(answering: "GET /a/b/c") == "GET /a/{rest...}")
  }

  @Test func `A route table decides by the first segment that differs`() throws {
    let table = try RouteTable("GET /{x}/b", "GET /a/{y}", "GET /{x}/{y}")
    #expect(try table.pattern(answering: "GET /a/b") == "GET /a/{y}")
    #expect(try table.pattern(answering: "GET /c/b") == "GET /{x}/b")
    #expect(try table.pattern(answering: "GET /c/d") == "GET /{x}/{y}")
  }

  @Test func `A route table goes back if the preferred way ends nowhere`() throws {
    let table = try RouteTable("GET /a/b/c", "GET /a/{x}/d", "GET /{x}/b/e", "GET /{all...}")
    #expect(try table.answer("GET /a/b/c") == Answer(match: .route(0)))
    #expect(try table.answer("GET /a/b/d") == Answer(match: .route(1), values: ["b"]))
    #expect(try table.answer("GET /a/b/e") == Answer(match: .route(2), values: ["a"]))
    #expect(try table.answer("GET /a/b/f") == Answer(match: .route(3), values: ["a/b/f"]))
  }

  @Test func `A route table gives the values in the order of the pattern`() throws {
    let table = try RouteTable("GET /{a}/x/{b}/{c...}")
    #expect(try table.answer("GET /1/x/2/3/4") == Answer(match: .route(0), values: ["1", "2", "3/4"]))
  }

  @Test(arguments: [
    ("/files/", ""), ("/files//", "/"), ("/files/a", "a"), ("/files/a//b/", "a//b/"), ("/files/a%2Fb", "a/b"),
    ("/files/x/../y", "y"),
  ])
  func `A rest takes everything after its slash, and nothing too`(path: String, value: String) throws {
    let table = try RouteTable("GET /files/{path...}")
    #expect(try table.answer("GET \(path)") == Answer(match: .route(0), values: [value]))
    #expect(try table.answer("GET /files").match == .notFound)
  }

  @Test(arguments: ["GET /a/", "GET /", "GET //", "GET /a//b", "GET //b", "GET /a/b/", "GET /A"])
  func `A parameter never matches an empty segment`(request: String) throws {
    let table = try RouteTable("GET /a/{x}", "GET /{x}", "GET /a/{x}/b")
    let expected: RouteMatch = request == "GET /A" ? .route(1) : .notFound
    #expect(try table.answer(request).match == expected)
  }

  @Test func `A route table distinguishes a slash at the end of the path`() throws {
    let table = try RouteTable("GET /a", "GET /a/", "GET /")
    #expect(try table.answer("GET /a").match == .route(0))
    #expect(try table.answer("GET /a/").match == .route(1))
    #expect(try table.answer("GET /").match == .route(2))
    #expect(try table.answer("GET /a//").match == .notFound)
  }

  @Test func `A route table compares literals with the decoded path`() throws {
    let table = try RouteTable("GET /caf%C3%A9", "GET /a%2Fb", "GET /a/b")
    #expect(try table.answer("GET /caf%c3%a9").match == .route(0))
    #expect(try table.answer("GET /café").match == .route(0))
    #expect(try table.answer("GET /a%2fb").match == .route(1))
    #expect(try table.answer("GET /a/b").match == .route(2))
  }

  @Test(arguments: 1...20)
  func `A route table tells literals apart that differ in any one byte`(length: Int) throws {
    let literal = String(repeating: "x", count: length)
    let table = try RouteTable("GET /\(literal)")
    #expect(try table.answer("GET /\(literal)").match == .route(0))
    for place in 0..<length {
      let other = literal.prefix(place) + "y" + literal.dropFirst(place + 1)
      #expect(try table.answer("GET /\(other)").match == .notFound)
    }
    #expect(try table.answer("GET /\(literal)x").match == .notFound)
    #expect(try table.answer("GET /\(literal.dropLast())").match == .notFound)
  }

  @Test func `An empty route table answers nothing`() throws {
    #expect(try RouteTable([]).answer("GET /").match == .notFound)
  }

  @Test func `A conflict of routes names both of them`() throws {
    let patterns = try ["GET /a", "GET /{x}/b", "GET /{y}/b", "GET /%61"].map { text in try RoutePattern(text) }
    #expect(throws: RouteConflict.all(in: patterns)[0]) { try RouteTable(patterns) }
    let pairs = RouteConflict.all(in: patterns).map { [$0.first, $0.second] }
    #expect(pairs == [[1, 2], [0, 3]])
  }

  @Test func `A route table gives each route its own values, and none to a route without parameters`() throws {
    let table = try RouteTable("GET /{a}", "GET /x/{bb}/{rest...}", "GET /x")
    #expect(try table.answer("GET /y") == Answer(match: .route(0), values: ["y"]))
    #expect(try table.answer("GET /x/1/2/3") == Answer(match: .route(1), values: ["1", "2/3"]))
    #expect(try table.answer("GET /x") == Answer(match: .route(2)))
  }
}

@Suite("Methods of routes") struct RouteMethodTests {
  @Test func `A route for GET answers HEAD unless HEAD has a route`() throws {
    let table = try RouteTable("GET /a", "GET /b", "HEAD /b", "* /a")
    #expect(try table.pattern(answering: "HEAD /a") == "GET /a")
    #expect(try table.pattern(answering: "HEAD /b") == "HEAD /b")
    #expect(try table.pattern(answering: "GET /b") == "GET /b")
  }

  @Test func `A route for the method itself is preferred to a route for any method`() throws {
    let table = try RouteTable("* /a", "POST /a", "BREW /a")
    #expect(try table.pattern(answering: "POST /a") == "POST /a")
    #expect(try table.pattern(answering: "BREW /a") == "BREW /a")
    #expect(try table.pattern(answering: "GET /a") == "* /a")
    #expect(try table.pattern(answering: "WHEN /a") == "* /a")
    #expect(try table.pattern(answering: "* /a") == "* /a")
  }

  @Test func `A route table decides by the path before the method`() throws {
    let table = try RouteTable("* /a/b", "GET /a/{x}", "POST /a/{x}", "DELETE /{all...}")
    #expect(try table.pattern(answering: "GET /a/b") == "* /a/b")
    #expect(try table.pattern(answering: "GET /a/c") == "GET /a/{x}")
  }

  @Test func `A route table goes on to a less exact path for the method`() throws {
    let table = try RouteTable("POST /a/b", "GET /a/{x}", "DELETE /{all...}")
    #expect(try table.pattern(answering: "GET /a/b") == "GET /a/{x}")
    #expect(try table.pattern(answering: "DELETE /a/b") == "DELETE /{all...}")
  }

  @Test(arguments: [
    ("/a/b", ["GET", "HEAD", "POST", "DELETE"]), ("/a/c", ["GET", "HEAD", "DELETE"]), ("/x", ["DELETE"]),
    ("/put", ["DELETE", "BREW"]),
  ])
  func `A route table tells a wrong method from a wrong path, and lists the allowed methods`(
    path: String, allowed: [String]
  ) throws {
    let table = try RouteTable("POST /a/b", "GET /a/{x}", "DELETE /{all...}", "BREW /put")
    #expect(try table.answer("PATCH \(path)").match == .methodNotAllowed)
    #expect(try table.answer("FETCH \(path)").match == .methodNotAllowed)
    let names = try table.searching("PATCH \(path)") { _, path, segments in
      table.allowedMethods(path: path, segments: segments)
    }
    #expect(names == allowed)
  }

  @Test func `A route table is case-sensitive about methods`() throws {
    #expect(try RouteTable("GET /a").answer("get /a").match == .methodNotAllowed)
  }

  @Test(arguments: [
    ("GET", true), ("PATCH", true), ("CONNECT", true), ("BREW", true), ("VERSION-CONTROL", true), ("FETCH", false),
    ("get", false), ("*", false), ("GETS", false), ("VERSION-CONTROK", false),
  ])
  func `A route table knows the standard methods and the methods of its routes`(method: String, known: Bool) throws {
    let table = try RouteTable("BREW /a", "VERSION-CONTROL /a", "* /b")
    #expect(table.knows(method: Array(method.utf8).span.bytes) == known)
  }
}
