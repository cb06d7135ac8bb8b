internal import AmbitPlugins
internal import AmbitRuntime
internal import AmbitSystem
internal import Synchronization

extension WorkerService {
  /// Carries out an order, and answers it.
  func carryOut(_ order: WorkerOrder, _ number: UInt64, _ descriptors: [Int32]) {
    switch order {
    case .begin: answer(WorkerBegun(error: "the worker has begun already"), to: number)
    case .prepare(let generations, let limit): answer(worker.prepare(generations, within: limit), to: number)
    case .giveUpStarts: worker.giveUpStarts()
    case .abort(let names):
      worker.abort(names)
      answer(Done(), to: number)
    case .commit(let commit):
      answer(CallResult { () throws(HostError) in try worker.commit(commit) }, to: number)
    case .retire(let drain):
      worker.retire(drain: drain)
      answer(Done(), to: number)
    case .replaceLimits(let text): answer(use(text), to: number)
    case .refreshProcess:
      worker.refreshProcess()
      answer(Done(), to: number)
    case .accept(let handovers):
      accept(handovers, descriptors)
      answer(Done(), to: number)
    case .stopAccepting(let id): answer(stopAccepting(id), to: number)
    case .dump:
      worker.dump()
      answer(Done(), to: number)
    case .leave(let leaving): leave(leaving, answering: number)
    case .runOnceJobs:
      worker.runOnceJobs()
      answer(Done(), to: number)
    case .endOnceJobs:
      worker.endOnceJobs()
      answer(Done(), to: number)
    case .newWorkersServe: break
    case .save(let plugin, let limit):
      answer(CallResult { () throws(PluginError) in try worker.save(plugin, within: limit) }, to: number)
    case .lookUp(let routes, let library, let limit):
      answer(
        CallResult { () throws(PluginError) in try worker.lookUp(routes, in: library, within: limit) }, to: number)
    case .findLibrary(let name, let path, let copies, let limit):
      answer(
        CallResult { () throws(PluginError) in
          try worker.findLibrary(name, at: path, besides: copies, within: limit)
        }, to: number)
    case .loadedLibrary(let name, let file, let copies, let limit):
      answer(
        CallResult { () throws(PluginError) in
          try worker.loadedLibrary(name, file: file, besides: copies, within: limit)
        }, to: number)
    case .isLoaderBusy: answer(worker.isLoaderBusy, to: number)
    case .report(let timeout): answer(worker.report(within: timeout), to: number)
    case .begunRequests(let timeout): answer(worker.begunRequests(within: timeout), to: number)
    case .scopeTree: answer(worker.scopeTree(), to: number)
    case .blockedLoops(let timeout): answer(worker.blockedLoops(within: timeout), to: number)
    case .turningLoops(let timeout): answer(worker.turningLoops(within: timeout), to: number)
    case .abandon(let turns): answer(worker.abandon(turns), to: number)
    case .mappedCopies: answer(worker.mappedCopies, to: number)
    case .liveRequests(let timeout): answer(worker.liveRequests(within: timeout), to: number)
    }
  }

  private func accept(_ handovers: [ListeningSocket.Handover], _ descriptors: [Int32]) {
    let received = ListeningSocket.received(handovers, descriptors)
    sockets.withLock { sockets in
      for socket in received { sockets[socket.id] = socket }
    }
    worker.accept(on: received)
  }

  /// - Returns: whether no loop uses the socket any more.
  private func stopAccepting(_ id: UInt64) -> Bool {
    guard let socket = sockets.withLock({ $0.removeValue(forKey: id) }) else { return true }
    let isComplete = worker.stopAccepting(on: socket)
    socket.close(isInUse: !isComplete)
    return isComplete
  }
}
