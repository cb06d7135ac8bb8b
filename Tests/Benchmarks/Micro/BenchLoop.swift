import AmbitRuntime
import AmbitSystem
import CAmbit

/// What plugins hold of a scope.
typealias ScopeHandle = UnsafeMutablePointer<ambit_scope>

/// A loop of its own for a group of figures.
enum BenchLoop {
  /// Runs `work` on a new loop, as a job of the host's scope there, and returns when it has.
  static func run(_ work: @escaping @Sendable (ScopePointer) -> Void) {
    do {
      // A measurement holds its loop up on purpose.
      let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits(stallWarning: nil))
      let hasRun = Latch<Void>()
      group.loops[0].post { loop in
        loop.pointee.root.runHostJob("work") { root in
          work(root)
          hasRun.arrive(())
        }
      }
      _ = hasRun.wait()
      group.stop()
    } catch {
      fatalError("ambit-micro: no loop to measure on: \(error)")
    }
  }
}

// The calls that plugins make, as figures need them. What is measured must have happened: a call that fails ends the
// run.

extension ScopeHandle {
  func openChild() -> ScopeHandle {
    var child: ScopeHandle?
    require(ambit_open(self, nil, &child))
    return child!
  }

  @inline(__always)
  func spawn(_ job: ambit_job_fn, _ argument: UnsafeMutableRawPointer? = nil) {
    require(ambit_spawn(self, job, argument, nil, nil))
  }

  /// A child scope with `count` jobs that have begun and sleep until it ends.
  func openChild(withSleepers count: Int) -> ScopeHandle {
    let child = openChild()
    var waiting = count
    withUnsafeMutablePointer(to: &waiting) { waiting in
      for _ in 0..<count { child.spawn(sleepForAnHour, waiting) }
      // The jobs of a large scope begin in more than one turn.
      while waiting.pointee > 0 { require(ambit_yield(self)) }
    }
    return child
  }

  func close() { require(ambit_close(self)) }
}

/// Ends the run if a call did not do what is measured.
@inline(__always)
func require(_ status: ambit_status) {
  precondition(status == AMBIT_OK, "ambit-micro: a call returned \(status), expected AMBIT_OK")
}

/// The argument is the count of jobs that have not begun.
private func sleepForAnHour(_ scope: ScopeHandle?, _ waiting: UnsafeMutableRawPointer?) -> Int32 {
  waiting!.assumingMemoryBound(to: Int.self).pointee -= 1
  return ambit_sleep(scope, 3_600_000_000_000)
}
