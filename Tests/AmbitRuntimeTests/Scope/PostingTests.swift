import AmbitCore
import AmbitSystem
import CAmbit
import Glibc
import Synchronization
import Testing

@testable import AmbitRuntime

@Suite struct Posting {
  @Test func `A posted job starts in the scope in a later turn`() throws {
    let steps = try Stage.play { stage in
      stage.open("").spawn("job") { scope in
        let status = scope.reference.post { scope in
          stage.note("posted job in \(scope.cause)")
          scope.cancel()
          return .ok
        }
        stage.note("\(status)")
        return scope.sleep()
      }
    }
    #expect(steps == ["OK", "posted job in none", "job ends cancelled CANCELLED"])
  }

  @Test func `ambit_post needs a function and an open scope`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let reference = scope.asHandle.reference
      stage.note("\(Status(rawValue: ambit_post(reference, nil, nil)))")
      scope.cancel(.called)
      stage.note("\(reference.post { _ in .ok })")
    }
    #expect(steps == ["INVALID", "CLOSED"])
  }

  @Test func `A job that was posted before the end with done gets a turn`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let status = scope.asHandle.reference.post { scope in
        stage.note("runs")
        return scope.sleep()
      }
      stage.note("\(status)")
      stage.end(scope)
    }
    #expect(steps == ["OK", "runs", "request closes: done"])
  }

  @Test func `A posted job never runs if its scope is cancelled before it arrives`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let status = scope.asHandle.reference.post { _ in
        stage.note("runs")
        return .ok
      }
      stage.note("\(status)")
      scope.cancel(.disconnect)
    }
    #expect(steps == ["OK", "request closes: disconnect"])
  }

  @Test func `Posted jobs keep to the limits of the scope and of the request`() throws {
    let steps = try Stage.play(limits: RuntimeLimits(jobsPerRequest: 3)) { stage in
      let request = stage.open("", kind: .request)
      request.spawn("opener") { scope in
        let child = scope.openChild { $0.max_jobs = 2 }.scope!
        let own = scope.reference
        let reference = child.reference
        stage.note("\((0..<3).map { _ in reference.post { _ in .ok } }) \((0..<4).map { _ in own.post { _ in .ok } })")
        _ = scope.sleep(0)
        _ = JobPointer.ofThisThread!.pointee.scope.asHandle.yield()
        while request.pointee.requestJobCount > 1 { _ = scope.yield() }
        stage.note("\(reference.post { _ in .ok }) \(own.post { _ in .ok })")
        scope.cancel()
        return .ok
      }
    }
    #expect(steps == ["[OK, OK, LIMIT] [OK, OK, OK, LIMIT]", "OK OK", "opener ends completed OK"])
  }

  @Test func `Jobs posted from many threads run once or not at all, and none runs after the end`() throws {
    let accepted = Mutex(0)
    let ran = Mutex(0)
    let threads = Mutex<[Poster]>([])
    let ranAtEnd = Latch<Int>()
    let steps = try Stage.play { stage in
      let scope = stage.open("request")
      let reference = Unchecked(scope.asHandle.reference)
      scope.asHandle.deferring { ranAtEnd.arrive(ran.withLock { $0 }) }
      for _ in 0..<4 {
        let poster = Poster {
          while true {
            let status = reference.value.post { scope in
              let count = ran.withLock { ran in
                ran += 1
                return ran
              }
              if count == 2_000 { scope.cancel() }
              return .ok
            }
            if status == .closed { return }
            if status == .ok { accepted.withLock { $0 += 1 } }
          }
        }
        threads.withLock { $0.append(poster) }
      }
    }
    for thread in threads.withLock({ $0 }) { thread.join() }
    let count = ran.withLock { $0 }
    #expect(steps == ["request closes: called"])
    #expect(ranAtEnd.arrived == [count] && count >= 2_000)
    #expect(accepted.withLock { $0 } >= count)
  }
}

/// A thread of a plugin's own.
private final class Poster: @unchecked Sendable {
  private let work: @Sendable () -> Void
  private var thread = pthread_t()

  init(_ work: @escaping @Sendable () -> Void) {
    self.work = work
    let poster = Unmanaged.passUnretained(self)
    pthread_create(
      &thread, nil,
      { poster in
        Unmanaged<Poster>.fromOpaque(poster!).takeUnretainedValue().work()
        return nil
      }, poster.toOpaque())
  }

  func join() { pthread_join(thread, nil) }
}
