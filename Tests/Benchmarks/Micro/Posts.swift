import AmbitRuntime
import CAmbit

/// What a job costs that another thread puts into a scope, until the loop has run it.
struct Posts {
  private static let count = 50_000
  private let scope: ScopeHandle

  init(in scope: ScopePointer) { self.scope = scope.asHandle }

  /// Of two threads, so in time that passes.
  func measure() {
    let child = scope.openChild()
    measureFigure("post: from another thread, run", operations: Self.count) {
      elapsedTime { postAll(to: child) }
    }
    child.close()
  }

  private func postAll(to child: ScopeHandle) {
    let all = ambit_event_new(child)!
    var posting = Posting(target: ambit_ref_of(child), count: Self.count, left: Self.count, all: all)
    withUnsafeMutablePointer(to: &posting) { posting in
      require(ambit_block(child, postRepeatedly, posting))
      require(ambit_event_wait(child, all, -1))
    }
  }
}

private struct Posting {
  let target: ambit_ref
  let count: Int
  /// How many have not run; the loop's.
  var left: Int
  /// Set by the last one.
  let all: UnsafeMutablePointer<ambit_event>
}

/// On a pool thread: posts the jobs, one call for each.
private func postRepeatedly(_ argument: UnsafeMutableRawPointer?) -> Int32 {
  let posting = argument!.assumingMemoryBound(to: Posting.self)
  for _ in 0..<posting.pointee.count { require(ambit_post(posting.pointee.target, countDown, argument)) }
  return AMBIT_OK
}

private func countDown(_: ScopeHandle?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
  let posting = argument!.assumingMemoryBound(to: Posting.self)
  posting.pointee.left -= 1
  if posting.pointee.left == 0 { require(ambit_event_set(posting.pointee.all)) }
  return AMBIT_OK
}
