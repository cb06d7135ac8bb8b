import AmbitHTTP
import AmbitPlugins
import AmbitRuntime
import AmbitSystem
import Foundation
import TestSupport
import Testing

@testable import AmbitHost

@Suite struct `A worker` {
  private let folder: HostFolder
  private let worker: Worker

  init() throws {
    folder = try HostFolder()
    worker = try Worker(try folder.source.read())
  }

  /// Labels and states of the generations in the worker's report.
  private func generations() throws -> [String: GenerationStatus.State] {
    let report = try relayed(worker.report(within: 60_000_000_000))
    return Dictionary(uniqueKeysWithValues: report.generations.map { ($0.label, $0.state) })
  }

  // Orders and answers go through messages, as they do between processes.

  @discardableResult
  private func prepare(_ plan: inout ReloadPlan, _ repository: PluginRepository) throws -> Preparation {
    let preparation = try relayed(worker.prepare(relayed(plan.generations), within: .seconds(60)))
    worker.abort(repository.settle(&plan, preparation, try folder.source.read()))
    return preparation
  }

  private func commit(_ plan: ReloadPlan) throws {
    #expect(try relayed(worker.commit(relayed(plan.commitOrder))).isComplete)
  }

  private func reload(_ repository: PluginRepository) throws {
    var plan = try repository.plan()
    try prepare(&plan, repository)
    try commit(plan)
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
    #expect(try generations().isEmpty)
    try commit(plan)
    #expect(try generations() == ["hello/1": .serving])
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
    try await eventually(until: { $0 == ["hello/1": .serving, "hello/2": .resident] }, { try generations() })
    try reload(repository)
    worker.retire(drain: .zero)
    try await eventually(
      until: { $0 == ["hello/1": .resident, "hello/2": .resident, "hello/3": .serving] }, { try generations() })
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
    let preparation = try relayed(worker.prepare(relayed(plan.generations), within: .seconds(60)))
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
    #expect(try relayed(worker.loadedLibrary(copy, file: nil, besides: copies, within: limit))?.path == copy)
    #expect(try worker.loadedLibrary("libnope.so", file: nil, besides: copies, within: limit) == nil)
    let mathematics = try relayed(
      worker.findLibrary("libm.so.6", at: "libm.so.6", besides: copies, within: limit))
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
    let plan = try repository.plan(folder.source.read(), asking: folder.group(of: worker))
    let preparation = worker.prepare(plan.generations, within: .milliseconds(50))
    defer { close(open(gate, O_WRONLY)) }
    #expect(preparation.failures["hanging"]?.error.problems.map(\.code) == [.loadingHangs])
    #expect(worker.isLoaderBusy)
    #expect(throws: PluginError.self) {
      try worker.loadedLibrary("libm.so.6", file: nil, besides: repository.copies.path, within: .seconds(60))
    }
    try folder.remove("hanging")
    #expect(try repository.plan(folder.source.read(), asking: folder.group(of: worker)).kept.keys.sorted() == ["libm.so.6"])
  }

  @Test func `A worker stops all plugins at its end`() async throws {
    try await folder.install("hello", "GET /hello")
    try reload(folder.repository())
    #expect(worker.liveRequests(within: 60_000_000_000) == 0)
    #expect(worker.drain(within: 60_000_000_000))
    worker.end()
    try await eventually(until: { $0 }, { worker.hasEnded })
  }

  @Test func `A worker's report and its scopes keep all their parts in a message`() async throws {
    try await folder.install("hello", "GET /hello")
    try await folder.installRouteLibrary("own", "int f(int x); int f(int x) { return x; }")
    try folder.configure("[[route]]\nmatch = \"GET /f\"\ncall = \"./libown.so: i32 f(i32 x = 1)\"")
    try reload(folder.repository())
    let report = try relayed(worker.report(within: 10_000_000_000))
    #expect(report.loops.count == 1 && report.pool.limit > 0)
    #expect(report.generations.map(\.label) == ["hello/1", "libown.so/1"])
    #expect(report.generations.flatMap(\.lanes).map(\.name) == ["./libown.so"])
    let scopes = worker.scopeTree()
    var texts: [String] = []
    for tree in [scopes, try relayed(scopes)] {
      [tree].writeText {
        texts.append(String(decoding: $0, as: UTF8.self))
        return true
      }
    }
    #expect(texts.count == 2 && texts[0] == texts[1] && texts[0].contains("plugin=hello/1"))
  }

  @Test func `A report that plugin code has damaged is refused or shown, and ends nothing`() async throws {
    try await folder.install("hello", "GET /hello")
    try reload(folder.repository())
    let report = MessageEncoder.encode(worker.report(within: 10_000_000_000))
    let scopes = MessageEncoder.encode(worker.scopeTree())
    var generator = SeededGenerator(seed: 16)
    var shown = 0
    for _ in 0..<1000 {
      let (report, scopes) = (damaged(report, using: &generator), damaged(scopes, using: &generator))
      if let report = try? MessageDecoder.decode(WorkerReport.self, from: report[...]) {
        _ = (report.requests, report.stuckJobs, report.connections, report.blockedLoops)
        _ = report.loops.reduce(HTTPCounters()) { $0 + $1.counters }.exchanges
        shown += 1
      }
      if let scopes = try? MessageDecoder.decode(ScopeTreeReport.self, from: scopes[...]) {
        [scopes].writeText { _ in true }
      }
    }
    #expect(shown > 100)
  }

  private func damaged(_ bytes: [UInt8], using generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    // Often the highest byte of a number.
    for _ in 0..<generator.number(1...4) {
      bytes[generator.number(0...bytes.count / 8 - 1) * 8 + generator.element(of: [0, 7])] = generator.element(
        of: [0, 1, 0x7f, 0x80, 0xff])
    }
    return bytes
  }

  @Test func `A worker without the library that gets other routes loads it`() throws {
    let repository = try folder.repository()
    try folder.configure("[[route]]\nmatch = \"GET /cos/{x}\"\ncall = \"libm.so.6: f64 cos(f64 x)\"")
    try repository.reload()
    try folder.configure("[[route]]\nmatch = \"GET /sin/{x}\"\ncall = \"libm.so.6: f64 sin(f64 x)\"")
    // This worker has seen nothing of the first reload.
    let error = #expect(throws: PluginError.self) { try worker.lookUp([], in: "libm.so.6", within: .seconds(60)) }
    #expect(error?.description == "library libm.so.6: this worker does not serve it yet; reload again")
    try reload(repository)
    #expect(try generations() == ["libm.so.6/2": .serving])
  }
}
