import AmbitCore
import Testing

@Suite("Life of a response") struct ResponseStateTests {
  /// Every transition there is. All others are impossible.
  private static let transitions: [ResponseState: [ResponseState.Event: ResponseState]] = [
    .notStarted: [.headSent: .streaming, .ended: .complete],
    .streaming: [.pieceFailed: .cutShort, .ended: .complete],
    .cutShort: [.pieceFailed: .cutShort],
    .complete: [:],
  ]

  @Test(arguments: ResponseState.allCases, ResponseState.Event.allCases)
  func `A response goes from each state as its table says`(state: ResponseState, event: ResponseState.Event) {
    #expect(state.after(event) == Self.transitions[state]![event])
  }

  @Test func `A response takes an event that is possible in its state`() {
    var state = ResponseState.notStarted
    state.apply(.headSent)
    state.apply(.ended)
    #expect(state == .complete)
  }

  @Test func `An impossible event of a response ends the host`() async {
    await #expect(processExitsWith: .failure) {
      var state = ResponseState.complete
      state.apply(.headSent)
    }
  }
}

@Suite("Life of a request body") struct RequestBodyStateTests {
  private static let transitions: [RequestBodyState: [RequestBodyState.Event: RequestBodyState]] = [
    .reading: [.ended: .finished, .limitExceeded: .tooLong, .broken: .malformed],
    .finished: [:], .tooLong: [:], .malformed: [:],
  ]

  @Test(arguments: RequestBodyState.allCases, RequestBodyState.Event.allCases)
  func `The body of a request goes from each state as its table says`(
    state: RequestBodyState, event: RequestBodyState.Event
  ) {
    #expect(state.after(event) == Self.transitions[state]![event])
  }

  @Test(
    arguments: [
      (.none, .finished), (.known(0), .finished), (.known(1), .reading), (.known(10), .reading), (.known(11), .tooLong),
      (.unknown, .reading),
    ] as [(BodyLength, RequestBodyState)])
  func `The body of a request begins in the state that the head says`(length: BodyLength, state: RequestBodyState) {
    #expect(RequestBodyState(length, limit: 10) == state)
  }

  @Test func `An impossible event of a body ends the host`() async {
    await #expect(processExitsWith: .failure) {
      var state = RequestBodyState.finished
      state.apply(.broken)
    }
  }
}
