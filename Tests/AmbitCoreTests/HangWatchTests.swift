import AmbitCore
import Testing

@Suite struct `Hang watch` {
  private static let second: Int64 = 1_000_000_000

  /// A sample; times in seconds.
  private static func sample(
    at time: Double, used: Double = 0, waited: Double = 0, runnable: Int = 0, stopped: Bool = false,
    isOfThread: Bool = false
  ) -> ProcessSample {
    func nanoseconds(_ seconds: Double) -> Int64 { Int64(seconds * Double(second)) }
    return ProcessSample(
      time: nanoseconds(time), isStopped: stopped, processorTime: nanoseconds(used), processorWait: nanoseconds(waited),
      runnableThreads: runnable, isOfThread: isOfThread)
  }

  /// The judgements of a watch with a limit of 10 s that looks once per second, from the time of the first sample on.
  private static func judgements(_ samples: [ProcessSample?], from start: Int64 = 0) -> [HangJudgement] {
    var watch = HangWatch(limit: 10 * second, interval: second, now: start * second)
    return samples.enumerated().map { index, sample in
      watch.look(sample, now: sample?.time ?? (start + Int64(index)) * second)
    }
  }

  @Test func `A process that sleeps and does not answer within the limit hangs`() {
    let found = Self.judgements((0...10).map { Self.sample(at: Double($0)) })
    #expect(found.dropLast().allSatisfy { $0 == .waits })
    #expect(found.last == .hangs)
  }

  @Test func `The time counts from the beginning of what a process does, also if the first look comes later`() {
    // It began at 2 s, and was looked at first at 4 s. The sample before is from 1 s.
    let before = Self.sample(at: 1, used: 0.5, waited: 0.5, runnable: 1)
    var watch = HangWatch(
      limit: 10 * Self.second, interval: Self.second, now: 4 * Self.second, since: 2 * Self.second, from: before)
    #expect(watch.due == 12 * Self.second)
    for time in 4...11 {
      let sample = Self.sample(at: Double(time), used: 0.5, waited: 0.5)
      #expect(watch.look(sample, now: sample.time) == .waits)
    }
    #expect(watch.look(Self.sample(at: 12, used: 0.5, waited: 0.5), now: 12 * Self.second) == .hangs)
  }

  @Test func `A process that was kept out since the sample before is starved`() {
    let before = Self.sample(at: 1)
    var watch = HangWatch(
      limit: 10 * Self.second, interval: Self.second, now: 4 * Self.second, since: 2 * Self.second, from: before)
    for time in 4...30 {
      let sample = Self.sample(at: Double(time), used: 0.1, waited: Double(time) - 1.1, runnable: 1)
      #expect(watch.look(sample, now: sample.time) == (time < 12 ? .waits : .starved))
    }
  }

  @Test func `A process that computes without an end hangs`() {
    let samples = (0...10).map { Self.sample(at: Double($0), used: Double($0), runnable: 1) }
    #expect(Self.judgements(samples).last == .hangs)
  }

  @Test func `A process that gets a quarter of the time it wants hangs only after more than the limit`() {
    let samples = (0...40).map(Double.init).map { Self.sample(at: $0, used: $0 / 4, waited: $0 * 3 / 4, runnable: 1) }
    let found = Self.judgements(samples)
    #expect(found[10] == .starved)
    let index = found.firstIndex(of: .hangs)!
    #expect(index > 20 && index < 40, "\(index)")
  }

  @Test func `A thread that gets a tenth of the time it wants hangs when it has used as much as the limit`() {
    let samples = (0...120).map(Double.init).map {
      Self.sample(at: $0, used: $0 / 10, waited: $0 * 9 / 10, runnable: 1, isOfThread: true)
    }
    let found = Self.judgements(samples)
    #expect(found[99] == .starved && found[100] == .hangs)
  }

  @Test func `Another limit holds for the time that has passed, too`() {
    var watch = HangWatch(limit: 10 * Self.second, interval: Self.second, now: 0)
    for time in 0...4 { #expect(watch.look(Self.sample(at: Double(time)), now: Int64(time) * Self.second) == .waits) }
    watch.use(limit: 5 * Self.second, interval: Self.second)
    #expect(watch.look(Self.sample(at: 5), now: 5 * Self.second) == .hangs)
  }

  @Test func `A process that waits for a processor and gets none is starved, also if the wait is not told yet`() {
    let waits = (0...100).map { Self.sample(at: Double($0), used: 0.02, waited: Double($0), runnable: 2) }
    #expect(Self.judgements(waits).last == .starved)
    let isKeptOut = (0...100).map { Self.sample(at: Double($0), runnable: 1) }
    #expect(Self.judgements(isKeptOut).last == .starved)
  }

  @Test func `Waits of many threads do not hide that the process got most of what it wanted`() {
    let samples = (0...20).map { Self.sample(at: Double($0), used: Double($0) * 4, waited: Double($0), runnable: 8) }
    #expect(Self.judgements(samples).contains(.hangs))
  }

  @Test func `A stopped process does not hang, and has its whole time again when it goes on`() {
    let stopped = (0...30).map { Self.sample(at: Double($0), stopped: $0 > 5) }
    let found = Self.judgements(stopped + (31...40).map { Self.sample(at: Double($0)) })
    #expect(found[6...30].allSatisfy { $0 == .stopped })
    #expect(found[31...39].allSatisfy { $0 == .waits })
    #expect(found[40] == .hangs)
  }

  @Test func `After a pause of the observer the time begins again`() {
    let found = Self.judgements(([0, 1, 2, 3] + (60...70)).map { Self.sample(at: Double($0)) })
    #expect(found.dropLast().allSatisfy { $0 == .waits })
    #expect(found.last == .hangs)
  }

  @Test func `Without samples the judgement is unknown when the time is over`() {
    let found = Self.judgements(Array(repeating: nil, count: 12))
    #expect(found.prefix(10).allSatisfy { $0 == .waits })
    #expect(found.suffix(2).allSatisfy { $0 == .unknown })
  }
}

@Suite struct `The line of a process in proc` {
  @Test func `The fields are found behind a name with spaces and parentheses`() throws {
    let line =
      "4711 (a) b (c) S 1 4711 4711 0 -1 4194560 1 2 3 4 17 25 0 0 20 0 3 0 8855 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"
    let stat = try #require(ProcessStat(line))
    #expect(stat.name == "a) b (c" && stat.state == "S" && stat.processorTicks == 42 && stat.beginning == 8855)
  }

  @Test(arguments: ["", "1 (a", "1 ) ( S 1 2 3", "1 (a) S 1 2", "1 (a) SS 1 1 1 0 -1 1 1 2 3 4 5 6 0 0 20 0 3 0 8"])
  func `Another text is no such line`(line: String) {
    #expect(ProcessStat(line) == nil)
  }
}
