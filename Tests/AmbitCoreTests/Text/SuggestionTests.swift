import AmbitCore
import Testing

@Suite("Suggestion") struct SuggestionTests {
  @Test(arguments: [
    ("lisen", "listen"), ("listne", "listen"), ("Listen", "listen"), ("thread", "threads"),
    ("drain_timout", "drain_timeout"),
    ("max-body", "max_body"), ("ecoh", "echo"), ("lag", "log"), ("draintimeoutt", "drain_timeout"),
  ])
  func `is the one that was meant`(wrong: String, meant: String) {
    let known = ["listen", "plugins", "threads", "drain_timeout", "max_body", "echo", "log"]
    #expect(suggestion(for: wrong, among: known) == meant)
  }

  @Test(arguments: ["", "x", "lo", "ba", "zzzz", "listener_x", "plug", "timeout"])
  func `is none when all are far`(wrong: String) {
    #expect(suggestion(for: wrong, among: ["listen", "plugins", "threads", "a", "log_level"]) == nil)
  }

  @Test func `is the nearer of two, and the first of equals`() {
    #expect(suggestion(for: "cosine", among: ["cosinus", "cosines"]) == "cosines")
    #expect(suggestion(for: "max_x", among: ["max_a", "max_b"]) == "max_a")
  }

  @Test func `is none among none`() {
    #expect(suggestion(for: "listen", among: []) == nil)
  }
}
