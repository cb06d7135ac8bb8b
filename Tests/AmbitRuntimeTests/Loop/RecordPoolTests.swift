import Testing

@testable import AmbitRuntime

@Suite struct RecordPools {
  /// Takes so many records and gives them back, the last taken first.
  private func use(_ count: Int, of pool: inout RecordPool<Int>) {
    let records = (0..<count).map { _ in pool.take() }
    for record in records.reversed() { _ = pool.give(back: record) }
  }

  /// Takes so many free records out of the pool for good.
  private func empty(_ pool: inout RecordPool<Int>, of count: Int) {
    for _ in 0..<count { pool.take().deallocate() }
  }

  @Test func `A pool hands out the record that was freed last`() {
    var pool = RecordPool<Int>(keeping: 0)
    let (one, other) = (pool.take(), pool.take())
    #expect(pool.liveCount == 2)
    _ = pool.give(back: one)
    _ = pool.give(back: other)
    #expect(pool.liveCount == 0)
    let again = pool.take()
    #expect(again == other)
    _ = pool.give(back: again)
    empty(&pool, of: 2)
  }

  @Test func `A pool tells when more records are free than it keeps`() {
    var pool = RecordPool<Int>(keeping: 1)
    let (one, other) = (pool.take(), pool.take())
    let isAboveWithOne = pool.give(back: one)
    let isAboveWithBoth = pool.give(back: other)
    #expect([isAboveWithOne, isAboveWithBoth] == [false, true])
    #expect(pool.surplus == 1)
    empty(&pool, of: 2)
  }

  @Test func `A pool frees records that were not needed since the last call, in slices`() {
    var pool = RecordPool<Int>(keeping: 2)
    use(10, of: &pool)
    pool.noteIdle()
    #expect(pool.idleCount == 0, "all were in use")
    use(3, of: &pool)
    pool.noteIdle()
    #expect(pool.idleCount == 7)
    pool.freeIdle(most: 5)
    #expect(pool.idleCount == 2)
    pool.freeIdle(most: 5)
    #expect(pool.idleCount == 0)
    #expect(pool.surplus == 1)
    empty(&pool, of: 3)
  }

  @Test func `A pool does not free records that are needed again in time`() {
    var pool = RecordPool<Int>(keeping: 2)
    use(10, of: &pool)
    pool.noteIdle()
    pool.noteIdle()
    let records = (0..<7).map { _ in pool.take() }
    pool.freeIdle(most: .max)
    #expect(pool.surplus == 0)
    #expect(pool.liveCount == 7)
    for record in records { _ = pool.give(back: record) }
    #expect(pool.surplus == 7)
    pool.freeIdle(most: .max)
    #expect(pool.surplus == 7, "they were in use meanwhile")
    empty(&pool, of: 9)
  }
}
