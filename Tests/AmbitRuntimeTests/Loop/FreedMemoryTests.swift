import Testing

@testable import AmbitRuntime

@Suite struct `Freed memory` {
  private static let second: Int64 = 1_000_000_000

  /// Frees so many pieces in each second; the seconds after which the C library is told.
  private func trims(_ counts: [Int], _ freed: inout FreedMemory) -> [Int] {
    counts.enumerated().filter { second, count in
      freed.count += count
      if count > 0 { freed.isPending = true }
      return freed.isTrimDue(at: Int64(second) * Self.second)
    }.map(\.offset)
  }

  @Test func `Freed memory goes back once when a burst is over`() {
    var freed = FreedMemory()
    let told = trims([5000, 3000, 0, 0, 0], &freed)
    #expect(told == [2])
  }

  @Test func `Freed memory goes back when little traffic follows a burst`() {
    var freed = FreedMemory()
    let told = trims([5000, 5000, 10, 12, 9, 11], &freed)
    #expect(told == [2])
  }

  @Test func `Freed memory stays under a steady load, which needs it again`() {
    var freed = FreedMemory()
    let told = trims(Array(repeating: 900, count: 60), &freed)
    #expect(told == [])
  }

  @Test func `Freed memory goes back at most every five seconds`() {
    var freed = FreedMemory()
    let told = trims([100, 0, 100, 0, 100, 0, 100, 0, 0, 0], &freed)
    #expect(told == [1, 7])
  }
}
