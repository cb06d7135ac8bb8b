import TestSupport
import Testing

/// A handler's view of its request, and the fields it sets.
@Suite struct `Requests as handlers see them` {
  @Test func `A handler sees the parts of the request line, parameters, query and header fields`() async throws {
    try await withHost([.probe("requests")]) { host in
      let answer = try await host.answer(
        to: "GET /show/a%20b/x/%C3%A9?name=J%C3%BCrgen+B&other HTTP/1.1\r\nHost: ambit:80\r\nX-ONE:  1 \r\n\r\n")
      #expect(
        answer.text == """
          method=GET
          path=/show/a b/x/é
          target=/show/a%20b/x/%C3%A9?name=J%C3%BCrgen+B&other
          query=name=J%C3%BCrgen+B&other
          authority=ambit:80
          route=GET /show/{first}/{rest...}
          first=a b
          rest=x/é
          name=Jürgen B
          x-one=1
          absent=1

          """)
    }
  }

  @Test func `Dot segments are removed before a route is looked for`() async throws {
    try await withHost([.probe("requests")]) { host in
      let answer = try await host.get("/nowhere/../show/./a/%2e%2e/b/c")
      #expect(answer.text.contains("path=/show/b/c\n"))
    }
  }

  @Test(arguments: [
    "/show/../../etc/passwd", "/show/%2e%2e/%2e%2e/x", "/show/a%00b/c", "/show/a%zz/c", "/show/..%2f..%2fx/y",
  ])
  func `A path that climbs out or is malformed is refused`(target: String) async throws {
    try await withHost([.probe("requests")]) { host in
      let answer = try await host.get(target)
      #expect(answer.status == 400)
      #expect(isOneLine(answer.text))
    }
  }

  @Test func `Fields are set, replaced in any case, added, and refused if they would split the head`() async throws {
    try await withHost([.probe("requests")]) { host in
      let answer = try await host.get("/set-headers")
      #expect(answer.text == "0 0 0 0 -4 -4\n")
      #expect(answer.headers.filter { $0.name.lowercased() == "x-set" }.map(\.value) == ["second"])
      #expect(answer.headers.filter { $0.name == "X-Added" }.map(\.value) == ["one", "two"])
      #expect(answer["X-Split"] == nil && answer["X-Injected"] == nil)
    }
  }
}
