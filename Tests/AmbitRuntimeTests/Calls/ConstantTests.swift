import AmbitCore
import CAmbit
import Testing

@Suite struct ConstantsOfTheABI {
  @Test(arguments: [
    (Status.ok, AMBIT_OK, "OK"), (.pending, AMBIT_PENDING, "PENDING"), (.cancelled, AMBIT_CANCELLED, "CANCELLED"),
    (.timedOut, AMBIT_TIMED_OUT, "TIMED_OUT"), (.closed, AMBIT_CLOSED, "CLOSED"), (.invalid, AMBIT_INVALID, "INVALID"),
    (.limit, AMBIT_LIMIT, "LIMIT"), (.noMemory, AMBIT_NO_MEMORY, "NO_MEMORY"),
    (.wrongState, AMBIT_WRONG_STATE, "WRONG_STATE"), (.wrongThread, AMBIT_WRONG_THREAD, "WRONG_THREAD"),
    (.unsupported, AMBIT_UNSUPPORTED, "UNSUPPORTED"), (.failed, AMBIT_FAILED, "FAILED"),
    (.badRequest, AMBIT_BAD_REQUEST, "BAD_REQUEST"), (.notFound, AMBIT_NOT_FOUND, "NOT_FOUND"),
  ])
  func `Statuses have the values and names of the header`(status: Status, value: Int32, name: String) {
    #expect(status.rawValue == value)
    #expect(status.description == name)
    #expect(status.constant == "AMBIT_\(name)")
  }

  @Test func `A status without a name shows its number`() {
    #expect(Status(rawValue: -99).description == "-99")
    #expect(Status(rawValue: 200).description == "200")
    #expect(Status(rawValue: -99).constant == "-99")
  }

  @Test(arguments: [
    (Cause.none, AMBIT_CAUSE_NONE), (.done, AMBIT_CAUSE_DONE), (.disconnect, AMBIT_CAUSE_DISCONNECT),
    (.deadline, AMBIT_CAUSE_DEADLINE), (.called, AMBIT_CAUSE_CALLED), (.failed, AMBIT_CAUSE_FAILED),
    (.retired, AMBIT_CAUSE_RETIRED), (.shutdown, AMBIT_CAUSE_SHUTDOWN),
  ])
  func `Causes have the values of the header`(cause: Cause, value: Int32) {
    #expect(Int32(cause.rawValue) == value)
  }

  @Test(arguments: [
    (Outcome.completed, AMBIT_JOB_COMPLETED), (.cancelled, AMBIT_JOB_CANCELLED), (.failed, AMBIT_JOB_FAILED),
  ])
  func `Outcomes have the values of the header`(outcome: Outcome, value: Int32) {
    #expect(Int32(outcome.rawValue) == value)
  }

  @Test(arguments: [
    (AMBIT_OK, Outcome.completed), (AMBIT_PENDING, .completed), (.max, .completed), (AMBIT_CANCELLED, .cancelled),
    (AMBIT_TIMED_OUT, .failed), (AMBIT_FAILED, .failed), (.min, .failed),
  ])
  func `The result of a job decides its outcome`(code: Int32, outcome: Outcome) {
    #expect(Outcome(code: code) == outcome)
  }
}
