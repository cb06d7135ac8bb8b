import AmbitPlugins
import Foundation
import TestSupport
import Testing

@testable import AmbitHost

@Suite struct `A worker` {
  private let folder: HostFolder
  private let loader: LibraryLoader
  private let worker: WorkerHandle

  init() throws {
    folder = try HostFolder()
    loader = try LibraryLoader(isStopping: { false })
    worker = .inProcess(try Worker(try folder.source.read(), loader: loader))
  }

  /// Labels and states of the generations in the worker's report.
  private var generations: [String: GenerationStatus.State] {
    let report = worker.report(within: 60_000_000_000)
    return Dictionary(uniqueKeysWithValues: report.generations.map { ($0.label, $0.state) })
  }

  private func prepare(_ plan: inout ReloadPlan, _ repository: PluginRepository) throws {
    let preparation = worker.prepare(plan.generations, within: .seconds(60))
    worker.abort(repository.settle(&plan, preparation, try folder.source.read()))
  }

  private func reload(_ repository: PluginRepository) throws {
    var plan = try repository.plan()
    try prepare(&plan, repository)
    #expect(try worker.commit(plan).isComplete)
    repository.adopt(plan)
  }

  @Test func `A worker loads a generation when it prepares it, and serves it when the plan is committed`() async throws
  {
    try await folder.install("hello", "GET /hello")
    let repository = try folder.repository(loader: loader)
    var plan = try repository.plan()
    try prepare(&plan, repository)
    #expect(plan.errors.isEmpty)
    let mapped = try repository.mappedCopies
    let copy = URL(filePath: plan.generations[0].copy.path).lastPathComponent
    #expect(mapped == [copy])
    #expect(generations.isEmpty)
    #expect(try worker.commit(plan).isComplete)
    #expect(generations == ["hello/1": .serving])
  }

  @Test func `A worker serves the old generation after an abort, and the new one after a commit and a retire`()
    async throws
  {
    try await folder.install("hello", "GET /hello")
    let repository = try folder.repository(loader: loader)
    try reload(repository)
    try await folder.install("hello", "GET /hello", "GET /new")
    var plan = try repository.plan()
    try prepare(&plan, repository)
    worker.abort(plan.generations.map(\.name))
    try await eventually(until: { $0 == ["hello/1": .serving, "hello/2": .resident] }, { generations })
    try reload(repository)
    worker.retire(drain: .zero)
    try await eventually(
      until: { $0 == ["hello/1": .resident, "hello/2": .resident, "hello/3": .serving] }, { generations })
  }

  @Test func `A worker reports a plugin whose start fails, and prepares the others`() async throws {
    // It succeeds in the dry run, which is another process.
    let code = """
      #include <unistd.h>
      static int32_t start(ambit_scope *plugin) {
        (void)plugin;
        return getpid() == \(getpid()) ? AMBIT_FAILED : AMBIT_OK;
      }
      """
    try await folder.install("failing", "GET /failing", code: code, entry: ".start = start")
    try await folder.install("sound", "GET /sound")
    let plan = try folder.repository(loader: loader).plan()
    #expect(plan.generations.map(\.name) == ["failing", "sound"])
    let preparation = worker.prepare(plan.generations, within: .seconds(60))
    #expect(preparation.prepared.keys.sorted() == ["sound"])
    #expect(preparation.failures.mapValues(\.stage) == ["failing": .loaded])
    #expect(preparation.failures["failing"]?.error.problems.map(\.code) == [.startFailed])
  }

  @Test func `A worker stops all plugins at its end`() async throws {
    try await folder.install("hello", "GET /hello")
    try reload(folder.repository(loader: loader))
    #expect(worker.liveRequests(within: 60_000_000_000) == 0)
    #expect(worker.drain(within: 60_000_000_000))
    worker.end()
    try await eventually(until: { $0 }, { worker.hasEnded })
  }
}
