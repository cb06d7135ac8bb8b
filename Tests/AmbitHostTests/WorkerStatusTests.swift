import AmbitCore
import Testing

@testable import AmbitHost

/// The state of a place of a worker, as the status shows it.
@Suite struct `Status of a worker` {
  private let serving = WorkerSlot.Status(phase: .serving, pid: 99, since: 5)

  @Test func `A worker that serves and has not answered is shown so, since it serves`() {
    let status = WorkerStatus(index: 1, serving, report: nil)
    #expect(status.state == "no answer" && status.since == 5)
  }

  @Test func `A stopped worker is shown as stopped, since it was stopped`() {
    let status = WorkerStatus(index: 1, serving, stoppedSince: 7, report: nil)
    #expect(status.state == "stopped" && status.since == 7)
  }

  @Test func `A worker of the program before is not asked, and serves until those of this one do`() {
    let status = WorkerStatus(index: 1, serving, report: nil, isPredecessor: true)
    #expect(status.state == "serving" && status.since == 5)
  }
}
