internal import AmbitHTTP
internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Logging
internal import Synchronization

// What a supervisor asks a worker about, besides its reports.

extension Worker {
  /// The labels of the generations that it serves, and of those that it has prepared, by name. From any thread.
  var known: (serving: [String: String], prepared: [String: String]) {
    generations.withLock { ($0.serving.mapValues(\.label), $0.prepared.mapValues(\.label)) }
  }

  /// Which loops answer within `timeout` nanoseconds. Waits for all of them, or for that long. From threads that may
  /// block.
  func turningLoops(within timeout: Int64) -> TurningLoops {
    let loops = loops.progress(within: timeout)
    let unmapped = mapped.withLock { $0.unmappedCount }
    return TurningLoops(loops: loops, unmappedCopies: unmapped, isCrashing: CrashReport.isUnderway)
  }

  /// Ends the connections of loops that hang, and says what blocks each. A loop that has turned meanwhile is left alone,
  /// and is missing in the answer. From threads that may block.
  func abandon(_ turns: [HungTurn]) -> [HungLoop] {
    for turn in turns where loops.isStill(in: turn) {
      server.endConnections(ofLoop: turn.loop) { loops.isStill(in: turn) }
    }
    abandoned.withLock { $0.formUnion(turns) }
    return turns.compactMap { loops.describe($0) }
  }

  /// Ends the connections of loops that hang, in a worker that has no supervisor any more that would order it. Does not
  /// return.
  /// - Parameter limit: how long a loop may take for a turn; nil: for ever.
  func abandonHungLoops(after limit: Duration?) {
    var heartbeat = Heartbeat(ofLoops: loopCount, hangLimit: limit)
    while true {
      pauseThread(.nanoseconds(max(heartbeat.next - Clock.monotonic, 0)))
      guard let hang = heartbeat.ask(self) else { continue }
      for loop in abandon(hang.turns.filter { turn in abandoned.withLock { !$0.contains(turn) } }) {
        var fields: Logger.Metadata = [:]
        if let plugin = loop.plugin { (fields[LogField.plugin], fields[LogField.fault]) = ("\(plugin)", "plugin") }
        logger.critical(
          "\(hang.text(about: loop)); the clients of the loop get no response, and nobody counts this as a crash",
          metadata: fields)
      }
    }
  }

  /// The loops that hang: they have not turned since `abandon`. From any thread.
  var hungLoops: [Int] { abandoned.withLock { $0 }.filter { loops.isStill(in: $0) }.map(\.loop) }

  /// The paths of the private copies that it has mapped. From any thread.
  var mappedCopies: Set<String> { mapped.withLock { $0.paths } }

  /// Runs jobs with `AMBIT_JOB_ONCE` from now on. From any thread; does not wait.
  func runOnceJobs() { loops.setRunsOnceJobs(true) }

  /// Cancels jobs with `AMBIT_JOB_ONCE`, and starts no others. Waits until none runs any more. From threads that may
  /// block.
  func endOnceJobs() {
    let ended = Latch<Void>()
    loops.setRunsOnceJobs(false) { ended.arrive(()) }
    _ = ended.wait()
  }
}
