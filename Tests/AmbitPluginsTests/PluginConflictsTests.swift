import AmbitCore
import AmbitPlugins
import Testing

@Suite struct `Conflicts between plugins` {
  typealias Claim = PluginConflicts.Claim
  typealias Candidate = PluginConflicts.Candidate

  private func claim(_ plugin: String, _ file: String, _ patterns: String...) throws -> Claim {
    Claim(plugin: plugin, file: file, routes: try patterns.map { .init(try RoutePattern($0)) })
  }

  @Test func `Plugins that have nothing in common are let in`() throws {
    let candidates = [
      Candidate(try claim("a", "a.so", "GET /x", "GET /{y}")), Candidate(try claim("b", "b.so", "POST /x")),
    ]
    #expect(PluginConflicts.errors(among: candidates, standing: [try claim("c", "c.so", "GET /z/{y}")]).isEmpty)
  }

  @Test func `Two files of a plugin are refused, each naming the other`() throws {
    let candidates = [Candidate(try claim("echo", "z.so")), Candidate(try claim("echo", "b.so"))]
    let errors = PluginConflicts.errors(among: candidates, standing: [])
    #expect(
      errors.mapValues(\.description) == [
        "b.so": "plugin echo (b.so): the plugin in z.so has the same name, echo",
        "z.so": "plugin echo (z.so): the plugin in b.so has the same name, echo",
      ])
  }

  @Test func `A second file of a plugin that serves unchanged is refused`() throws {
    let errors = PluginConflicts.errors(
      among: [Candidate(try claim("echo", "a.so"))], standing: [try claim("echo", "b.so")])
    #expect(
      errors.mapValues(\.description) == ["a.so": "plugin echo (a.so): the plugin in b.so has the same name, echo"])
  }

  @Test func `Each route in conflict names both plugins and both patterns`() throws {
    let candidates = [
      Candidate(try claim("one", "1.so", "GET /a/{x}", "* /b")),
      Candidate(try claim("two", "2.so", "GET /a/{y}", "GET /b", "* /b")),
    ]
    let errors = PluginConflicts.errors(among: candidates, standing: [])
    #expect(errors.keys.sorted() == ["2.so"])
    #expect(
      errors["2.so"]?.description == """
        plugin two (2.so): route GET /a/{y} answers the same requests as GET /a/{x} of plugin one (1.so)
        plugin two (2.so): route * /b answers the same requests as * /b of plugin one (1.so)
        """)
  }

  @Test func `A conflict leaves the serving plugin as it is, whatever the names of the files`() throws {
    let candidates = [Candidate(try claim("new", "a.so", "GET /x"))]
    let errors = PluginConflicts.errors(among: candidates, standing: [try claim("old", "z.so", "GET /x")])
    #expect(errors.keys.sorted() == ["a.so"])
  }

  @Test func `A route may move from one changed plugin to another`() throws {
    let candidates = [
      Candidate(try claim("a", "a.so", "GET /x"), predecessor: try claim("a", "a.so", "GET /y")),
      Candidate(try claim("b", "b.so", "GET /y"), predecessor: try claim("b", "b.so", "GET /x")),
    ]
    #expect(PluginConflicts.errors(among: candidates, standing: []).isEmpty)
  }

  @Test func `A plugin whose new version is refused keeps its route`() throws {
    let candidates = [
      Candidate(try claim("a", "a.so", "GET /moved")),
      Candidate(
        try claim("b", "b.so", "GET /taken"), predecessor: try claim("b", "b.so", "GET /moved")),
    ]
    let errors = PluginConflicts.errors(among: candidates, standing: [try claim("c", "c.so", "GET /taken")])
    #expect(errors.keys.sorted() == ["a.so", "b.so"])
    #expect(errors["a.so"]?.description.contains("as GET /moved of plugin b (b.so)") == true)
  }

  @Test func `A refused plugin does not count against those after it`() throws {
    let candidates = [
      Candidate(try claim("a", "a.so", "GET /taken", "GET /free")), Candidate(try claim("b", "b.so", "GET /free")),
    ]
    let errors = PluginConflicts.errors(among: candidates, standing: [try claim("c", "c.so", "GET /taken")])
    #expect(errors.keys.sorted() == ["a.so"])
  }
}
