import AmbitRuntime
import TestSupport
import Testing

@testable import AmbitHost

@Suite struct `The state that generations hand over in a worker` {
  private let folder: HostFolder

  init() throws { folder = try HostFolder() }

  /// Hands over what it got and its own mark, filled up to `size` bytes. A large state it drops, or its start fails.
  private func install(mark: String, size: Int = 0, failsWithLargeState: Bool = false) async throws {
    let code = """
      #include <string.h>
      static char state[\(max(size, 256))];
      static size_t length;
      static int32_t start(ambit_scope *plugin) {
        ambit_str before = ambit_handed_over(plugin, NULL);
        if (before.len > 100) {
          if (\(failsWithLargeState)) return AMBIT_FAILED;
          before.len = 0;
        }
        if (before.len > 0) memcpy(state, before.ptr, before.len);
        memcpy(state + before.len, "\(mark)", 1);
        length = before.len + 1;
        return AMBIT_OK;
      }
      static int32_t save(ambit_scope *plugin) {
        return ambit_hand_over(plugin, 3, state, length > \(size) ? length : \(size));
      }
      """
    try await folder.install("keeps", "GET /\(mark)", code: code, entry: ".start = start, .save = save")
  }

  private func worker() throws -> Worker {
    try Worker(try folder.source.read())
  }

  /// What the serving generation would hand over now.
  private func state(in worker: Worker) throws -> String? {
    try worker.save("keeps", within: .seconds(10))?.text
  }

  @Test func `A generation starts from the state that comes with it if there is no older one, and else from its state`()
    async throws
  {
    let (repository, worker) = (try folder.repository(), try worker())
    try await install(mark: "a")
    var plan = try repository.plan()
    plan.generations[0].handedOver = .of("kept", version: 2)
    var preparation = try relayed(worker.prepare(relayed(plan.generations), within: .seconds(10)))
    #expect(preparation.prepared.keys.sorted() == ["keeps"] && preparation.states.isEmpty)
    _ = repository.settle(&plan, preparation, try folder.source.read())
    _ = try worker.commit(plan.commitOrder)
    repository.adopt(plan)
    #expect(try state(in: worker) == "kepta")

    try await install(mark: "b")
    plan = try repository.plan(folder.source.read(), asking: folder.group(of: worker))
    plan.generations[0].handedOver = .of("not this")
    preparation = try relayed(worker.prepare(relayed(plan.generations), within: .seconds(10)))
    let state = try #require(preparation.states["keeps"])
    #expect(state.text == "kepta" && state.version == 3 && preparation.states.count == 1)
    _ = repository.settle(&plan, preparation, try folder.source.read())
    _ = try worker.commit(plan.commitOrder)
    #expect(try self.state(in: worker) == "keptab")
  }

  @Test func `A state is reported only if a generation has started with it, and only up to 16 MiB`() async throws {
    let (repository, worker) = (try folder.repository(), try worker())
    for (mark, size, isReported) in [("a", 16 << 20, true), ("b", (16 << 20) + 1, false)] {
      try await install(mark: mark, size: size)
      var plan = try repository.plan()
      var preparation = worker.prepare(plan.generations, within: .seconds(10))
      _ = repository.settle(&plan, preparation, try folder.source.read())
      _ = try worker.commit(plan.commitOrder)
      repository.adopt(plan)
      try await install(mark: "n")
      plan = try repository.plan()
      preparation = worker.prepare(plan.generations, within: .seconds(10))
      #expect(preparation.prepared.keys.sorted() == ["keeps"])
      #expect(preparation.states.mapValues(\.size) == (isReported ? ["keeps": size] : [:]))
      worker.abort(["keeps"])
      repository.discard(plan)
      try await install(mark: "f", failsWithLargeState: true)
      plan = try repository.plan()
      preparation = worker.prepare(plan.generations, within: .seconds(10))
      #expect(preparation.failures.keys.sorted() == ["keeps"] && preparation.states.isEmpty)
      repository.discard(plan)
    }
  }
}
