import AmbitCore
import Testing

@Suite("Suggestion") struct SuggestionTests {
  @Test(arguments: [
    ("lisen", "listen"), ("listne", "listen"), ("Listen", "listen"), ("thread", "threads"),
    ("drain_timout", "drain_timeout"),
    ("max-body", "max_body"), ("ecoh", "echo"), ("lag", "log"), ("draintimeoutt", "drain_timeout"),
  ])
  func `The suggestion is the name that was meant`(wrong: String, meant: String) {
    let known = ["listen", "plugins", "threads", "drain_timeout", "max_body", "echo", "log"]
    #expect(suggestion(for: wrong, among: known) == meant)
  }

  @Test(arguments: ["", "x", "lo", "ba", "zzzz", "listener_x", "plug", "timeout"])
  func `No name is suggested when all are far`(wrong: String) {
    #expect(suggestion(for: wrong, among: ["listen", "plugins", "threads", "a", "log_level"]) == nil)
  }

  @Test func `The suggestion is the nearer of two names, and the first of equals`() {
    #expect(suggestion(for: "cosine", among: ["cosinus", "cosines"]) == "cosines")
    #expect(suggestion(for: "max_x", among: ["max_a", "max_b"]) == "max_a")
  }

  @Test func `No name is suggested among none`() {
    #expect(suggestion(for: "listen", among: []) == nil)
  }
}
