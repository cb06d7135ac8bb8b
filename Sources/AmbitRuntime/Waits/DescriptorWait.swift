internal import AmbitCore
internal import Glibc

/// One wait of a job for a descriptor, as the loop's epoll instance reports to it.
///
/// Records are the loop's and stay memory of that kind for ever. A plugin that closes the descriptor during the wait can
/// leave a registration behind that nobody can take back; what it reports then, once, meets a record and not a stack.
struct DescriptorWait {
  /// What is registered: at offset 0.
  var watch: IOWatch
  /// The job that waits; nil while the record is not in use.
  var job: JobPointer?
  /// What was reported; empty before.
  var ready: Readiness = []
  /// In the loop's list of free records, while it is not in use.
  var free: Link
  /// The turn in which it was given back: an event of that turn may still name it.
  var freedInTurn: UInt64 = 0

  init(at address: DescriptorWaitPointer, job: JobPointer) {
    self.job = job
    free = Link(alone: address.freeLink)
    watch = IOWatch { watch, events in
      let wait = UnsafeMutableRawPointer(watch).assumingMemoryBound(to: DescriptorWait.self)
      guard let job = wait.pointee.job else { return }
      wait.pointee.ready = Readiness(systemEvents: events)
      job.wake(.ok)
    }
  }
}

typealias DescriptorWaitPointer = UnsafeMutablePointer<DescriptorWait>

extension UnsafeMutablePointer<DescriptorWait> {
  fileprivate var freeLink: LinkPointer { pointer(to: \.free)! }

  /// The record whose field `free` the node is.
  fileprivate static func of(free link: LinkPointer) -> DescriptorWaitPointer {
    link.record(DescriptorWait.self, at: MemoryLayout<DescriptorWait>.offset(of: \.free)!)
  }
}

extension UnsafeMutablePointer<Loop> {
  private var freeLink: LinkPointer { pointer(to: \.freeDescriptorWaits)! }

  /// A record for a wait of `job`.
  func takeDescriptorWait(of job: JobPointer) -> DescriptorWaitPointer {
    let wait = takeFreeDescriptorWait() ?? .allocate(capacity: 1)
    wait.initialize(to: DescriptorWait(at: wait, job: job))
    return wait
  }

  /// The free record that was given back first, unless events of this turn may still name it.
  private func takeFreeDescriptorWait() -> DescriptorWaitPointer? {
    guard !freeLink.isAlone else { return nil }
    let wait = DescriptorWaitPointer.of(free: freeLink.pointee.next)
    guard wait.pointee.freedInTurn != pointee.turn else { return nil }
    wait.freeLink.remove()
    return wait
  }

  /// Takes a record back of which nothing is registered any more.
  func giveBack(_ wait: DescriptorWaitPointer) {
    wait.pointee.job = nil
    wait.pointee.freedInTurn = pointee.turn
    freeLink.append(wait.freeLink)
  }
}
