import Testing

@testable import AmbitSystem

@Suite struct `A limit on the rate of log lines` {
  @Test func `A rate limit permits the first line, and the next one when the interval is over`() {
    var limit = LogRateLimit()
    let start: Int64 = 1_000
    let end = start + LogRateLimit.interval
    let permitted = [start, start, end - 1, end, end + 1].filter { limit.permits(at: $0) }
    #expect(permitted == [start, end])
  }

  @Test func `A line that is permitted again tells how many were left out`() {
    var limit = LogRateLimit()
    let notes = [0, 1, 2, LogRateLimit.interval, 2 * LogRateLimit.interval].map { limit.note(at: $0) }
    #expect(
      notes == [LogRateLimit.note, nil, nil, "\(LogRateLimit.note), 2 more since the last line", LogRateLimit.note])
  }

  @Test func `A rate limit tells the operator its interval in seconds`() {
    #expect(LogRateLimit.note == "logged at most every 10 s")
  }
}
