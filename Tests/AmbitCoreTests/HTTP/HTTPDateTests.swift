import AmbitCore
import Foundation
import Testing

@Suite("Date of HTTP")
struct HTTPDateTests {
  private func text(_ seconds: Int64) -> String {
    let bytes = HTTPDate(unixSeconds: seconds).bytes
    return String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
  }

  @Test(
    arguments: [
      (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
      (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
      (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
      (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
      (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
      (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] as [(Int64, String)])
  func `A date is written in the fixed form`(seconds: Int64, expected: String) {
    #expect(text(seconds) == expected)
  }

  @Test func `A date stays within the years that the form can express`() {
    #expect(text(-1) == text(0))
    #expect(text(.max) == text(253_402_300_799))
  }

  @Test func `A date agrees with the calendar on every Thursday from 1970 to 2399`() {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(secondsFromGMT: 0)!
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    for day in stride(from: 0, to: 157_000, by: 7) {
      let parts = calendar.dateComponents(
        [.year, .month, .day], from: Date(timeIntervalSince1970: Double(day) * 86400))
      let expected = "\(parts.day! < 10 ? "0" : "")\(parts.day!) \(months[parts.month! - 1]) \(parts.year!)"
      #expect(text(Int64(day) * 86400) == "Thu, \(expected) 00:00:00 GMT")
    }
  }
}
