internal import Glibc

extension ChildProcesses {
  /// Reaps the strangers that have ended, and kills those that a supervised process has left behind.
  /// - Parameter tell: gets the kills, with the process that had left the stranger behind if that is known.
  /// - Returns: whether there were any.
  static func endStrangers(_ state: inout State, _ tell: (SupervisedProcess, ProcessEvent) -> Void) -> Bool {
    var hasChanged = false
    var living: Set<Int32> = []
    let areListed = OwnChildren.forEachStranger { number in
      if waitpid(number, nil, WNOHANG) == number {
        hasChanged = true
        return
      }
      living.insert(number)
      guard !state.killed.contains(number), let mark = mark(ofOrphan: number, state) else { return }
      let name = ProcessTimes.name(of: number)
      // Another user's process, by a program with the set-user-ID bit, cannot be killed.
      guard kill(number, SIGKILL) == 0 else { return }
      hasChanged = true
      state.killed.insert(number)
      if let parent = mark.known.flatMap({ state.departed[$0] }) {
        tell(parent, .killedOrphan(process: number, name: name, parent: parent.number))
      }
    }
    if !areListed { return !OwnChildren.reapUnlistedStrangers() }
    state.killed.formIntersection(living)
    return hasChanged
  }

  /// Who had started a stranger that is to be killed.
  private struct Origin { let known: ProcessMark? }

  /// Why a stranger is to be killed; nil if it is not.
  private static func mark(ofOrphan number: Int32, _ state: State) -> Origin? {
    if let mark = ProcessMark(of: number) {
      let isParentAlive = state.end == nil && state.supervised.values.contains { $0.mark == mark }
      return isParentAlive ? nil : Origin(known: mark)
    }
    // It was started by a process that is not supervised, as by a shell that has become this program.
    if state.hasMarks { return nil }
    // It may have cleared its environment.
    guard let first = state.firstBeginning, let beginning = ProcessTimes.beginning(of: number), beginning >= first
    else { return nil }
    let mayHaveParent = state.supervised.values.contains { $0.beginning.map { $0 <= beginning } ?? true }
    return state.end == nil && mayHaveParent ? nil : Origin(known: nil)
  }
}
