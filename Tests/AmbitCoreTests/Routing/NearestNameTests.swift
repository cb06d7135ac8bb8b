import AmbitCore
import Testing

@Suite("Nearest name") struct NearestNameTests {
  @Test(arguments: [
    ("lisen", "listen"), ("listne", "listen"), ("Listen", "listen"), ("thread", "threads"),
    ("drain_timout", "drain_timeout"),
    ("max-body", "max_body"), ("ecoh", "echo"), ("lag", "log"), ("draintimeoutt", "drain_timeout"),
  ])
  func `is the one that was meant`(wrong: String, meant: String) {
    let known = ["listen", "plugins", "threads", "drain_timeout", "max_body", "echo", "log"]
    #expect(nearestName(to: wrong, among: known) == meant)
  }

  @Test(arguments: ["", "x", "lo", "ba", "zzzz", "listener_x", "plug", "timeout"])
  func `is none when all are far`(wrong: String) {
    #expect(nearestName(to: wrong, among: ["listen", "plugins", "threads", "a", "log_level"]) == nil)
  }

  @Test func `is the nearer of two, and the first of equals`() {
    #expect(nearestName(to: "cosine", among: ["cosinus", "cosines"]) == "cosines")
    #expect(nearestName(to: "max_x", among: ["max_a", "max_b"]) == "max_a")
  }

  @Test func `is none among none`() {
    #expect(nearestName(to: "listen", among: []) == nil)
  }
}
