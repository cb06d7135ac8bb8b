import AmbitSystem
import Glibc
import Testing

@testable import AmbitHost
@testable import AmbitRuntime

/// What the supervisor concludes from the answers of a worker about its event loops.
@Suite struct `The heartbeat of a worker` {
  private static let limit = Duration.milliseconds(200)

  /// The main thread, which waits for the end of all tests, stands for the thread of a loop that hangs.
  private static let thread = getpid()

  /// A look at loops.
  private func look(_ heartbeat: inout AmbitHost.Heartbeat, _ loops: [LoopProgress]) -> AmbitHost.Heartbeat.Hang? {
    let answer = TurningLoops(loops: loops, unmappedCopies: 0, isCrashing: false)
    return heartbeat.look(at: answer, of: getpid(), asked: Clock.monotonic)
  }

  private func looks(_ heartbeat: inout AmbitHost.Heartbeat, untilHang loops: [LoopProgress])
    -> AmbitHost.Heartbeat.Hang
  {
    while true {
      if let hang = look(&heartbeat, loops) { return hang }
      usleep(20_000)
    }
  }

  @Test func `A loop that goes from one piece of work to the next in one turn does not hang, however long that takes`()
  {
    var heartbeat = AmbitHost.Heartbeat(ofLoops: 1, hangLimit: Self.limit)
    let began = Clock.monotonic
    func progress(_ turnsLeft: Int) -> LoopProgress {
      let work = LoopWork(lastScope: 7, turnsLeft: turnsLeft, scope: 3)
      return LoopProgress(thread: Self.thread, turns: false, turnBegan: began, work: work)
    }
    for turnsLeft in (1...40).reversed() {
      #expect(look(&heartbeat, [progress(turnsLeft)]) == nil)
      usleep(20_000)
    }
    let last = HungTurn(loop: 0, began: began, work: progress(1).work)
    #expect(looks(&heartbeat, untilHang: [progress(1)]).turns == [last])
  }

  @Test func `A loop that begins to hang is noticed also if another one has just gone on`() throws {
    let began = Clock.monotonic
    let blocked = LoopProgress(thread: Self.thread, turns: false, turnBegan: began, work: LoopWork())
    let turning = LoopProgress(thread: Self.thread, turns: true, turnBegan: began + 1, work: LoopWork())
    for attempt in 1...50 {
      var heartbeat = AmbitHost.Heartbeat(ofLoops: 2, hangLimit: Self.limit)
      #expect(looks(&heartbeat, untilHang: [blocked, turning]).turns.map(\.loop) == [0])
      #expect(look(&heartbeat, [blocked, blocked]) == nil)
      // On a busy machine it may take so long that the time begins again.
      usleep(250_000)
      if let hang = look(&heartbeat, [turning, blocked]) {
        #expect(hang.turns.map(\.loop) == [1])
        return
      }
      try #require(attempt < 50)
    }
  }
}
