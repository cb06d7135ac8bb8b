import Testing

@testable import AmbitHTTP

@Suite struct `The wait for first bytes` {
  @Test func `The host waits for the first bytes of each connection as long as they come`() {
    var firstBytes = FirstBytes()
    for _ in 0..<10 {
      let isWorthwhile = firstBytes.isWorthwhile()
      #expect(isWorthwhile)
      firstBytes.note(haveCome: true)
    }
  }

  @Test func `The host skips the wait for twice as many connections after each wait without bytes, at most 63`() {
    var firstBytes = FirstBytes()
    let passed = (0..<8).map { _ in
      firstBytes.note(haveCome: false)
      var count = 0
      while !firstBytes.isWorthwhile() { count += 1 }
      return count
    }
    #expect(passed == [1, 3, 7, 15, 31, 63, 63, 63])
    firstBytes.note(haveCome: true)
    let isWorthwhile = firstBytes.isWorthwhile()
    #expect(isWorthwhile)
  }
}
