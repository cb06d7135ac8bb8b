import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct ReadyQueues {
  /// Stands for a job that is never looked at.
  private static func job(_ number: Int) -> JobPointer { JobPointer(bitPattern: 16 * (number + 1))! }

  private static func number(_ item: ReadyItem) -> Int? { item.job.map { Int(bitPattern: $0) / 16 - 1 } }

  private static func numbers(in queue: ReadyQueue) -> [Int?] { (0..<queue.count).map { number(queue[$0]) } }

  private static func append(_ numbers: some Sequence<Int>, to queue: inout ReadyQueue) {
    for number in numbers { queue.append(ReadyItem(job(number), isInDeepQueue: false)) }
  }

  @Test func `A queue keeps any number of items in order`() {
    var queue = ReadyQueue()
    defer { queue.deallocate() }
    Self.append(0..<100, to: &queue)
    for _ in 0..<50 { queue.removeFirst() }
    Self.append(100..<5_000, to: &queue)
    #expect(Self.numbers(in: queue) == Array(50..<5_000))
    for _ in 50..<5_000 { queue.removeFirst() }
    #expect(queue.isEmpty)
  }

  @Test func `An item tells the end of a scope from a job, in a deep queue or not`() {
    let scope = ScopePointer(bitPattern: 0x1000)!
    let items = [
      ReadyItem(endOf: scope), ReadyItem(Self.job(7), isInDeepQueue: false),
      ReadyItem(Self.job(7), isInDeepQueue: true),
    ]
    #expect(items.map(Self.number) == [nil, 7, 7])
    #expect(items.map(\.endingScope) == [scope, nil, nil])
    #expect(items.map(\.isInDeepQueue) == [false, false, true])
  }

  @Test(arguments: [0, 1, 3, 255, 256]) func `A queue moves its last items to the front even if it is full`(count: Int)
  {
    var queue = ReadyQueue()
    defer { queue.deallocate() }
    let capacity = queue.capacity
    // Around the end of the ring.
    Self.append(0..<capacity - 2, to: &queue)
    for _ in 0..<capacity - 2 { queue.removeFirst() }
    Self.append(0..<capacity, to: &queue)
    queue.moveLastToFront(count)
    #expect(queue.capacity == capacity)
    #expect(Self.numbers(in: queue) == Array(capacity - count..<capacity) + Array(0..<capacity - count))
  }

  @Test func `A queue frees the capacity of a burst and keeps its items`() {
    var queue = ReadyQueue()
    defer { queue.deallocate() }
    Self.append(0..<100_000, to: &queue)
    let most = queue.capacity
    queue.shrink()
    #expect(queue.capacity == most)
    for _ in 0..<99_000 { queue.removeFirst() }
    queue.shrink()
    #expect(queue.capacity < most / 4)
    #expect(Self.numbers(in: queue) == Array(99_000..<100_000))
  }

  @Test(arguments: 1...4) func `A queue agrees with a plain list over random operations`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var queue = ReadyQueue()
    defer { queue.deallocate() }
    var model: [Int] = []
    for step in 0..<20_000 {
      switch random.number(0...9) {
      case 0...4:
        let numbers = step..<step + random.number(1...20)
        Self.append(numbers, to: &queue)
        model += numbers
      case 5...8:
        let count = min(random.number(1...24), model.count)
        for _ in 0..<count { queue.removeFirst() }
        model.removeFirst(count)
      default:
        let count = random.number(0...model.count)
        queue.moveLastToFront(count)
        model = Array(model.suffix(count) + model.dropLast(count))
      }
      guard queue.count == model.count, queue.isEmpty || Self.number(queue[0]) == model.first else {
        Issue.record("seed \(seed), step \(step): \(queue.count) items, expected \(model.count)")
        return
      }
    }
    #expect(Self.numbers(in: queue) == model)
  }
}
