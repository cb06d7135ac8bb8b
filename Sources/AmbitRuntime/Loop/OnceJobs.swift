internal import Synchronization

/// Decides which jobs with `AMBIT_JOB_ONCE` may run in this process, so that never two generations of a plugin run them
/// at a time, and never two workers of a host.
///
/// Such a job runs only if the worker is designated, and if its generation is the oldest of its plugin that is not
/// retired and no retired one still runs such a job. A job asks when its turn has come, and again whenever the answer
/// may have changed.
///
/// From any thread; waits for nothing.
public final class OnceJobs: Sendable {
  private struct State {
    var isDesignated: Bool
    /// How many jobs of all generations run.
    var running = 0
    /// By plugin: its generations in the order in which they were added. A retired one leaves when none of its jobs
    /// runs.
    var members: [String: [Member]] = [:]
    var lastNumber = 0
    /// To be called once none runs and the worker is not designated.
    var ended: [@Sendable () -> Void] = []
    /// Has jobs ask again: those that wait may run now, or those that run may not.
    var changed: @Sendable () -> Void = {}
  }

  private struct Member {
    let number: Int
    var isRetired = false
    var running = 0
  }

  private let state: Mutex<State>

  public init(isDesignated: Bool = true) { state = Mutex(State(isDesignated: isDesignated)) }

  /// Sets what is called, on any thread, when the answer to jobs may have changed.
  func onChange(_ changed: @escaping @Sendable () -> Void) { state.withLock { $0.changed = changed } }

  /// Whether such jobs may run in this worker from now on. If not, `ended` is called once, on any thread, when none
  /// runs any more: at once if none does, and never if the worker is designated again before.
  func designate(_ isDesignated: Bool, ended: @escaping @Sendable () -> Void) {
    let (changed, told) = state.withLock { state in
      state.isDesignated = isDesignated
      if isDesignated { state.ended = [] } else { state.ended.append(ended) }
      return (state.changed, Self.takeEnded(&state))
    }
    changed()
    for tell in told { tell() }
  }

  /// Whether none runs, and none will before the worker is designated.
  var haveEnded: Bool { state.withLock { !$0.isDesignated && $0.running == 0 } }

  /// Who is to be told that none runs any more; nobody while one does.
  private static func takeEnded(_ state: inout State) -> [@Sendable () -> Void] {
    guard !state.isDesignated, state.running == 0 else { return [] }
    defer { state.ended = [] }
    return state.ended
  }
}

/// The jobs with `AMBIT_JOB_ONCE` of one generation. From any thread; waits for nothing.
public struct OnceGeneration: Sendable {
  fileprivate let group: OnceJobs
  fileprivate let plugin: String
  fileprivate let number: Int
}

extension OnceJobs {
  /// Adds a generation of `plugin`, behind those that it has. `retire` must follow.
  public func add(generationOf plugin: String) -> OnceGeneration {
    let number = state.withLock { state in
      state.lastNumber += 1
      state.members[plugin, default: []].append(Member(number: state.lastNumber))
      return state.lastNumber
    }
    return OnceGeneration(group: self, plugin: plugin, number: number)
  }

  fileprivate func mayRun(_ generation: OnceGeneration) -> Bool { state.withLock { Self.mayRun(generation, $0) } }

  private static func mayRun(_ generation: OnceGeneration, _ state: State) -> Bool {
    guard state.isDesignated, let first = state.members[generation.plugin]?.first else { return false }
    return first.number == generation.number && !first.isRetired
  }

  fileprivate func begin(_ generation: OnceGeneration) -> Bool {
    state.withLock { state in
      guard Self.mayRun(generation, state) else { return false }
      state.running += 1
      state.members[generation.plugin]![0].running += 1
      return true
    }
  }

  fileprivate func end(_ generation: OnceGeneration) {
    change(generation) { state, index in
      state.running -= 1
      state.members[generation.plugin]![index].running -= 1
    }
  }

  fileprivate func retire(_ generation: OnceGeneration) {
    change(generation) { state, index in state.members[generation.plugin]![index].isRetired = true }
  }

  /// Changes the generation's record, and removes it if that was its last change.
  private func change(_ generation: OnceGeneration, _ change: (inout State, Int) -> Void) {
    var told: [@Sendable () -> Void] = []
    state.withLock { state in
      let index = state.members[generation.plugin]?.firstIndex { $0.number == generation.number }
      guard let index else { return }
      change(&state, index)
      let member = state.members[generation.plugin]![index]
      if member.isRetired, member.running == 0 {
        state.members[generation.plugin]!.remove(at: index)
        if state.members[generation.plugin]!.isEmpty { state.members[generation.plugin] = nil }
        told.append(state.changed)
      }
      told += Self.takeEnded(&state)
    }
    for tell in told { tell() }
  }
}

extension OnceGeneration {
  /// Whether a job of the generation may run.
  var mayRun: Bool { group.mayRun(self) }

  /// A job of the generation is to run. If true, it may, and `end` must follow.
  func begin() -> Bool { group.begin(self) }

  /// A job that may run has ended, with its hook.
  func end() { group.end(self) }

  /// None may run any more: the generation is being retired. Those that run are to be cancelled. Calling it again has
  /// no effect.
  public func retire() { group.retire(self) }
}
