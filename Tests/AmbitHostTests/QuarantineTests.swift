import AmbitConfig
import AmbitCore
import AmbitHTTP
import AmbitPlugins
import AmbitRuntime
import AmbitSystem
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import AmbitHost

/// What workers do when plugins are quarantined or rolled back, in a worker of this process.
@Suite struct `Faults of plugins in a group of workers` {
  private let folder: HostFolder
  private let repository: PluginRepository
  private let group: WorkerGroup

  init() throws {
    folder = try HostFolder()
    repository = try folder.repository(keepsLastGood: true)
    group = try folder.group(of: try Worker(try folder.source.read()))
  }

  private func serve(_ plan: inout ReloadPlan) throws {
    let preparation = group.prepare(plan.generations, within: .seconds(60))
    group.abort(repository.settle(&plan, preparation, try folder.source.read()))
    #expect(plan.errors.isEmpty)
    _ = try group.commit(plan)
    repository.adopt(plan)
    group.retire(drain: .zero)
  }

  private func reload() throws {
    var plan = try repository.plan(folder.source.read(), asking: group)
    try serve(&plan)
  }

  private func death(_ plugin: String, _ generation: Int) -> Death {
    Death(
      cause: "SIGSEGV at 0x0", culprit: Death.Culprit(plugin: plugin, generation: generation), running: [], worker: 1,
      pid: 1, at: 0)
  }

  private func rollBack(_ plugin: String) throws {
    let target = try #require(group.faults.target(of: plugin))
    let serving = try #require(repository.serving[plugin])
    let refusal = serving.rolledBack(because: nil)
    let mark = PlannedGeneration.RollBack(reason: "rolled back", contentOf: target.planned.label)
    var plan = try repository.planRollBack(
      of: serving, to: target.planned, nil, mark, folder.source.read(), asking: group)
    plan.fallbacks[target.planned.file] = refusal
    group.inherited.withLock { $0[plugin] = target.states }
    try serve(&plan)
    repository.refuse(serving.copy.hash, because: refusal)
  }

  private func serving() throws -> [String] {
    group.reports(within: 60_000_000_000).compactMap(\.report).flatMap(\.generations)
      .filter { $0.state == .serving }.map(\.label).sorted()
  }

  @Test func `The generation of a quarantined plugin ends, and its routes stay as routes that nobody can use`()
    async throws
  {
    try await folder.install("my", "GET /my")
    try await folder.install("other", "GET /other")
    try reload()
    #expect(!group.faults.note(death("my", 1)) && !group.faults.note(death("my", 1)))
    #expect(group.faults.suspended.isEmpty && !group.faults.takeUnpublished())
    #expect(group.faults.note(death("my", 1)))
    let suspended = group.faults.suspended
    #expect(suspended.keys.sorted() == ["my/1"])
    #expect(suspended["my/1"]?.text.hasPrefix("plugin my is quarantined (3 crashes in ") == true)
    #expect(suspended["my/1"]?.retryAfter == 60)
    #expect(group.faults.takeUnpublished() && !group.faults.takeUnpublished())
    group.publishSuspensions(drain: .zero)
    #expect(try serving() == ["other/1"])
    let service = group.service.withLock { $0 }
    #expect(service.missing(in: [:], worker: 1, without: suspended).map(\.label) == ["other/1"])
    let order = try relayed(service.order(for: ["my", "other"], without: suspended))
    #expect(order.removed == ["my"] && order.kept.keys.sorted() == ["other"])
    #expect(order.unavailable.map(\.pattern.description) == ["GET /my"])

    // Nothing has changed, so the plugin stays quarantined.
    try reload()
    #expect(try serving() == ["other/1"] && group.faults.suspended == suspended)
    #expect(!repository.isRolledBack("my"))
    repository.retried = ["my"]
    try reload()
    #expect(try serving() == ["my/2", "other/1"] && group.faults.suspended.isEmpty)
  }

  /// A plugin that logs nothing and hands over its own text and what it was handed over.
  private func install(_ text: String) async throws {
    try await folder.install(
      "my", "GET /my",
      code: """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        static char state[200];
        static int32_t start(ambit_scope *plugin) {
          ambit_str before = ambit_handed_over(plugin, NULL);
          if (before.ptr != NULL) snprintf(state, sizeof state, "%.*s", (int)before.len, before.ptr);
          strcat(state, "\(text)");
          return AMBIT_OK;
        }
        static int32_t save(ambit_scope *plugin) { return ambit_hand_over(plugin, 1, state, strlen(state)); }
        """, entry: ".start = start, .save = save")
  }

  private func state() throws -> String? {
    try group.save("my", within: .seconds(60)).map { String(decoding: $0.bytes.value, as: UTF8.self) }
  }

  @Test func `The content before starts as a new generation from what it has handed over itself`() async throws {
    try await install("a")
    try reload()
    try await install("b")
    try reload()
    #expect(try state() == "ab")
    try rollBack("my")
    #expect(try serving() == ["my/3"])
    // Its own state was "a" when it was replaced. That of the newer one, "ab", is lost.
    #expect(try state() == "aa")
    let history = group.faults.ledger.history(of: "my")
    #expect(history.map { $0.end?.reason } == ["replaced by my/2", "rolled back", nil])
    #expect(history[2].hash == history[0].hash && history[2].contentOf == "my/1")

    let refused = try repository.plan(folder.source.read(), asking: group)
    #expect(refused.refusals.values.flatMap(\.problems).map(\.code) == [.rolledBack])
    #expect(refused.generations.isEmpty && refused.removed.isEmpty)
    try await install("c")
    try reload()
    #expect(try serving() == ["my/4"] && state() == "aac")
  }

  @Test func `The content before is taken from its last good copy if its private copy was removed`() async throws {
    try await install("a")
    try reload()
    repository.keepLastGood()
    let first = try #require(repository.serving["my"]).copy
    try await install("b")
    try reload()
    Paths.remove(first.path)
    try rollBack("my")
    #expect(try state() == "aa")
    #expect(repository.serving["my"]?.copy.hash == first.hash && repository.serving["my"]?.copy.path != first.path)
  }

  @Test func `The content that was rolled back is tried again if an operator wants that`() async throws {
    try await install("a")
    try reload()
    try await install("b")
    try reload()
    try rollBack("my")
    #expect(repository.isRolledBack("my"))
    repository.retried = ["my"]
    // A reload that is given up lifts nothing.
    let plan = try repository.plan(folder.source.read(), asking: group)
    #expect(plan.refusals.isEmpty)
    repository.discard(plan)
    #expect(repository.isRolledBack("my"))
    try reload()
    #expect(try serving() == ["my/4"] && state() == "aab" && !repository.isRolledBack("my"))
  }

  @Test func `Each roll-back in a row starts a content from what that has handed over itself`() async throws {
    for text in ["a", "b", "c"] {
      try await install(text)
      try reload()
    }
    #expect(try state() == "abc")
    try rollBack("my")
    #expect(try state() == "abb")
    try rollBack("my")
    #expect(try state() == "aa")
    #expect(group.faults.target(of: "my") == nil)
  }

  @Test func `A worker counts the requests of each generation that serves`() async throws {
    try await folder.install("my", "GET /my")
    try reload()
    #expect(group.begunRequests(within: 60_000_000_000) == ["my/1": 0])
  }
}
