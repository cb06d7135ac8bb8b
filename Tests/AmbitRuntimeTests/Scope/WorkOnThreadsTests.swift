import AmbitCore
import CAmbit
import CLinux
import Glibc
import Testing

@testable import AmbitRuntime

@Suite struct WorkOnThreads {
  /// What a job counts that blocks again and again.
  private final class Counts {
    var calls = 0
    var cpuTime: Int64 = 0
  }

  private static var cpuTime: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  @Test func `Work on a thread comes back each time, however long it takes`() throws {
    let steps = try Stage.play { stage in
      let counts = Counts()
      stage.subject = counts
      let scope = stage.open("")
      scope.asHandle.spawn(ended: { _, _ in stage.note("\(counts.calls)") }) { scope in
        let counts = Stage.current.subject as! Counts
        for round in 0..<2_000 {
          // Some are back while the loop is awake, and some after it has fallen asleep.
          let nap = round % 50 == 0 ? 200 : round % 3
          let status = ambit_block(
            scope,
            { nap in
              let microseconds = Int(bitPattern: nap)
              if microseconds > 0 { usleep(UInt32(microseconds)) }
              return 0
            }, UnsafeMutableRawPointer(bitPattern: nap))
          if status == AMBIT_OK { counts.calls += 1 }
        }
        ambit_cancel(scope)
        return .ok
      }
    }
    #expect(steps == ["2000"])
  }

  @Test func `Long work on a thread lets the loop sleep`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      scope.asHandle.spawn(ended: { _, _ in }) { scope in
        let before = Self.cpuTime
        for _ in 0..<10 {
          let nap: @convention(c) (UnsafeMutableRawPointer?) -> Int32 = { _ in usleep(20_000) }
          _ = ambit_block(scope, nap, nil)
        }
        let milliseconds = (Self.cpuTime - before) / 1_000_000
        Stage.current.note(milliseconds < 50 ? "asleep" : "awake for \(milliseconds) ms")
        ambit_cancel(scope)
        return .ok
      }
    }
    #expect(steps == ["asleep"])
  }
}
