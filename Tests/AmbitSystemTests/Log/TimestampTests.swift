import Foundation
import Testing

@testable import AmbitSystem

@Suite struct Timestamps {
  @Test func `A timestamp is the present time in UTC, as RFC 3339 writes it`() throws {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    let before = Date.now.addingTimeInterval(-0.001)
    let text = Timestamp.now
    #expect(text.contains(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/))
    let time = try style.parse(text)
    #expect(time >= before && time <= Date.now)
  }
}
