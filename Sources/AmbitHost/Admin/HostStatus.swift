internal import AmbitRuntime
internal import AmbitSystem

/// The state of the host and its worker at one moment.
struct HostStatus: Sendable {
  let content: HostState.Content
  let worker: WorkerReport
  let began: Int64
  let now: Int64
  let configuration: String?
  /// How many clients wait for a reload that has not begun.
  let waitingForReload: Int

  /// Asks the worker for its report, which waits for each loop for at most a second. Blocks; not from a loop.
  init(state: HostState, reloads: ReloadQueue, configuration: String?, worker handle: WorkerHandle) {
    worker = handle.report(within: 1_000_000_000)
    waitingForReload = reloads.waitingCount
    content = state.current
    began = state.began
    now = Clock.wall
    self.configuration = configuration
  }
}
