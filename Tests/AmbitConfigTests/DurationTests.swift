import AmbitCore
import Testing

@testable import AmbitConfig

@Suite struct `Durations` {
  @Test(arguments: [
    ("100us", 100_000), ("250ms", 250_000_000), ("30s", 30_000_000_000), ("5m", 300_000_000_000),
    ("1h", 3_600_000_000_000), ("1m30s", 90_000_000_000), ("90s", 90_000_000_000), ("1h0m1ms", 3_600_001_000_000),
    ("0s", 0), ("007s", 7_000_000_000),
  ])
  func `A duration is a sum of amounts with units`(text: String, nanoseconds: Int64) {
    #expect(DurationText.duration(in: text)?.wholeNanoseconds == nanoseconds)
  }

  @Test(arguments: [
    "", "30", "s", "1.5s", "-1s", "+1s", "1 s", " 1s", "1s ", "1S", "1d", "1sec", "1s1m", "1s1s", "1m30", "1ns", "٣s",
  ])
  func `A text that is no duration is refused`(text: String) {
    #expect(DurationText.duration(in: text) == nil)
  }

  @Test(arguments: ["99999999999999999999s", "9223372036854775807h", "2562047h2562047m9999999999999s"])
  func `A duration stops at the longest one instead of overflowing`(text: String) {
    #expect(DurationText.duration(in: text)?.wholeNanoseconds == .max)
  }

  @Test(arguments: ["0s", "1us", "999us", "100ms", "1s500ms", "1m30s", "1h", "24h", "1h1m1s1ms1us"])
  func `A duration is shown as it is written`(text: String) throws {
    let duration = try #require(DurationText.duration(in: text))
    #expect(DurationText.text(for: duration) == text)
  }
}
