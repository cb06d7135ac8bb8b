import AmbitPlugins
import Foundation
import TestSupport
import Testing

@testable import AmbitHost

@Suite struct `A worker` {
  private let folder: HostFolder
  private let worker: WorkerHandle

  init() throws {
    folder = try HostFolder()
    worker = .inProcess(try Worker(try folder.source.read()))
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
    let repository = try folder.repository()
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
    let repository = try folder.repository()
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
    let plan = try folder.repository().plan()
    #expect(plan.generations.map(\.name) == ["failing", "sound"])
    let preparation = worker.prepare(plan.generations, within: .seconds(60))
    #expect(preparation.prepared.keys.sorted() == ["sound"])
    #expect(preparation.failures.mapValues(\.stage) == ["failing": .loaded])
    #expect(preparation.failures["failing"]?.error.problems.map(\.code) == [.startFailed])
  }

  @Test func `A worker tells what its loader has, and finds libraries by that`() async throws {
    try await folder.install("hello", "GET /hello")
    let repository = try folder.repository()
    try reload(repository)
    let (copies, limit) = (repository.copies.path, Duration.seconds(10))
    let copy = try #require(repository.serving["hello"]).copy.path
    #expect(try worker.loadedLibrary(copy, file: nil, besides: copies, within: limit)?.path == copy)
    #expect(try worker.loadedLibrary("libnope.so", file: nil, besides: copies, within: limit) == nil)
    let mathematics = try worker.findLibrary("libm.so.6", at: "libm.so.6", besides: copies, within: limit)
    #expect(mathematics.use != nil)
    let own = try worker.findLibrary("hello.so", at: folder.file("hello"), besides: copies, within: limit)
    #expect(own.use == nil, "its copy is loaded, not the file")
    #expect(throws: PluginError.self) {
      try worker.findLibrary("libnope.so", at: "libnope.so", besides: copies, within: limit)
    }
  }

  @Test func `A worker whose loader is busy refuses questions at once, and a library that serves unchanged is kept`()
    async throws
  {
    try folder.configure("[[route]]\nmatch = \"GET /cos/{x}\"\ncall = \"libm.so.6: f64 cos(f64 x)\"")
    let repository = try folder.repository()
    try reload(repository)
    let gates = try TemporaryFolder()
    let gate = gates.path(of: "gate")
    mkfifo(gate, 0o600)
    // It returns in the dry run, which is another process.
    let code = """
      #include <fcntl.h>
      #include <unistd.h>
      __attribute__((constructor)) static void hang(void) {
        if (getpid() == \(getpid()))
          close(open("\(gate)", O_RDONLY));
      }
      """
    try await folder.install("hanging", "GET /hanging", code: code)
    let plan = try repository.plan(folder.source.read(), asking: worker)
    let preparation = worker.prepare(plan.generations, within: .milliseconds(50))
    defer { close(open(gate, O_WRONLY)) }
    #expect(preparation.failures["hanging"]?.error.problems.map(\.code) == [.loadingHangs])
    #expect(worker.isLoaderBusy)
    #expect(throws: PluginError.self) {
      try worker.loadedLibrary("libm.so.6", file: nil, besides: repository.copies.path, within: .seconds(10))
    }
    try folder.remove("hanging")
    #expect(try repository.plan(folder.source.read(), asking: worker).kept.keys.sorted() == ["libm.so.6"])
  }

  @Test func `A worker stops all plugins at its end`() async throws {
    try await folder.install("hello", "GET /hello")
    try reload(folder.repository())
    #expect(worker.liveRequests(within: 60_000_000_000) == 0)
    #expect(worker.drain(within: 60_000_000_000))
    worker.end()
    try await eventually(until: { $0 }, { worker.hasEnded })
  }
}
