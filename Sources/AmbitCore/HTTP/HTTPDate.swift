/// A time as `Date` and the other fields of HTTP carry it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
public struct HTTPDate: Sendable {
  /// The text in ASCII.
  public private(set) var bytes = InlineArray<29, UInt8>(repeating: Ascii.space)

  /// Whole seconds since 1970 in UTC, leap seconds not counted. The form has room for the years 0000 to 9999; a time
  /// outside 1970 to 9999 is written as the nearest one inside.
  public init(unixSeconds: Int64) {
    let seconds = Int(min(max(unixSeconds, 0), 253_402_300_799))
    let day = seconds / 86400
    let time = seconds % 86400
    let date = CivilDate(dayOfUnixEpoch: day)
    write(Self.weekdayNames, triple: (day + 4) % 7, at: 0)
    bytes[3] = Ascii.comma
    write(date.day, digits: 2, at: 5)
    write(Self.monthNames, triple: date.month - 1, at: 8)
    write(date.year, digits: 4, at: 12)
    write(time / 3600, digits: 2, at: 17)
    bytes[19] = Ascii.colon
    write(time / 60 % 60, digits: 2, at: 20)
    bytes[22] = Ascii.colon
    write(time % 60, digits: 2, at: 23)
    write("GMT", triple: 0, at: 26)
  }

  private static var weekdayNames: StaticString { "SunMonTueWedThuFriSat" }
  private static var monthNames: StaticString { "JanFebMarAprMayJunJulAugSepOctNovDec" }

  private mutating func write(_ names: StaticString, triple index: Int, at place: Int) {
    for letter in 0..<3 {
      bytes[place + letter] = names[octet: 3 * index + letter]
    }
  }

  private mutating func write(_ number: Int, digits: Int, at place: Int) {
    var rest = number
    for distance in 1...digits {
      bytes[place + digits - distance] = Ascii.zero + UInt8(rest % 10)
      rest /= 10
    }
  }
}

/// A day of the Gregorian calendar.
struct CivilDate {
  let year: Int
  let month: Int
  let day: Int

  /// Counts days from the first of March of year 0, so that the leap day is the last of its year and months follow one
  /// linear rule; each 400 years have 146097 days.
  init(dayOfUnixEpoch: Int) {
    let days = dayOfUnixEpoch + 719_468
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + days / 146_097 * 400 + (month <= 2 ? 1 : 0)
  }
}
