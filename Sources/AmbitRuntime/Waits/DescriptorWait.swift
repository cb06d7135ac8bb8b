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
  /// The next one free.
  var next: DescriptorWaitPointer?

  init(job: JobPointer) {
    self.job = job
    watch = IOWatch { watch, events in
      let wait = UnsafeMutableRawPointer(watch).assumingMemoryBound(to: DescriptorWait.self)
      guard let job = wait.pointee.job else { return }
      wait.pointee.ready = Readiness(systemEvents: events)
      job.wake(.ok)
    }
  }
}

typealias DescriptorWaitPointer = UnsafeMutablePointer<DescriptorWait>

extension UnsafeMutablePointer<Loop> {
  /// A record for a wait of `job`.
  func takeDescriptorWait(of job: JobPointer) -> DescriptorWaitPointer {
    let wait = pointee.freeDescriptorWaits ?? .allocate(capacity: 1)
    if pointee.freeDescriptorWaits != nil { pointee.freeDescriptorWaits = wait.pointee.next }
    wait.initialize(to: DescriptorWait(job: job))
    return wait
  }

  /// Takes a record back of which nothing is registered any more.
  func giveBack(_ wait: DescriptorWaitPointer) {
    wait.pointee.job = nil
    wait.pointee.next = pointee.freeDescriptorWaits
    pointee.freeDescriptorWaits = wait
  }
}
