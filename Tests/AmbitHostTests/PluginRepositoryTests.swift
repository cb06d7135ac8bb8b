import AmbitCore
import AmbitPlugins
import Foundation
import Testing

@testable import AmbitHost

@Suite struct `A plan of the plugin repository` {
  private let folder: HostFolder

  init() throws { folder = try HostFolder() }

  @Test func `A plan has a numbered generation for each new plugin, and loads none of them into this process`()
    async throws
  {
    try await folder.install("first", "GET /first")
    try await folder.install("second", "GET /second", "POST /second")
    let repository = try folder.repository()
    let plan = try repository.plan()
    #expect(plan.generations.map(\.label) == ["first/1", "second/1"])
    #expect(
      plan.generations.map { $0.patterns.map(\.description) } == [["GET /first"], ["GET /second", "POST /second"]])
    #expect(plan.generations.map(\.file) == [folder.file("first"), folder.file("second")])
    #expect(plan.kept.isEmpty && plan.removed.isEmpty && plan.errors.isEmpty)
    for planned in plan.generations {
      #expect(planned.copy.path.hasPrefix("\(repository.copies.path)/\(planned.name).1."))
      #expect(FileManager.default.fileExists(atPath: planned.copy.path))
    }
    #expect(try repository.mappedCopies == [])
  }

  @Test func `A plan keeps, changes, adds, removes and refuses plugins by comparison with the serving ones`()
    async throws
  {
    for name in ["kept", "changed", "removed", "broken"] { try await folder.install(name, "GET /\(name)") }
    let repository = try folder.repository()
    try repository.reload()
    try await folder.install("changed", "GET /changed", "GET /new")
    try await folder.install("added", "GET /added")
    try folder.remove("removed")
    try folder.installText("broken")
    let plan = try repository.plan()
    #expect(plan.kept.mapValues(\.path) == ["kept": folder.file("kept")])
    #expect(plan.generations.map(\.label) == ["added/1", "changed/2"])
    #expect(plan.removed == ["removed"])
    #expect(plan.refusals.mapValues { $0.problems.map(\.code) } == [folder.file("broken"): [.notALibrary]])
    #expect(repository.serving.mapValues(\.label)["broken"] == "broken/1")
  }

  @Test func `A plan refuses a plugin that crashes in its dry run, and proceeds with the others`() async throws {
    try await folder.install(
      "crashing", "GET /crashing",
      code: "static int32_t start(ambit_scope *plugin) { (void)plugin; __builtin_trap(); }",
      entry: ".start = start")
    try await folder.install("sound", "GET /sound")
    let plan = try folder.repository().plan()
    #expect(plan.generations.map(\.name) == ["sound"])
    #expect(plan.refusals.mapValues { $0.problems.map(\.code) } == [folder.file("crashing"): [.dryRunFailed]])
    #expect(throws: HostError.self) { try plan.validate(refusing: true) }
    #expect(throws: Never.self) { try plan.validate(refusing: false) }
  }

  @Test func `A plan has a new generation of a plugin if only its settings have changed`() async throws {
    try await folder.install("hello", "GET /hello")
    let repository = try folder.repository()
    try repository.reload()
    try folder.configure("[plugin.hello]\nprefix = \"/v1\"")
    let plan = try repository.plan()
    #expect(plan.generations.map(\.label) == ["hello/2"])
    #expect(plan.generations.flatMap(\.patterns).map(\.description) == ["GET /v1/hello"])
  }

  @Test func `A plan keeps a library of configured routes loaded if only its routes change`() throws {
    try folder.configure("[[route]]\nmatch = \"GET /cos/{x}\"\ncall = \"libm.so.6: f64 cos(f64 x)\"")
    let repository = try folder.repository()
    let first = try repository.reload()
    #expect(first.generations.map(\.label) == ["libm.so.6/1"])
    #expect(first.generations.flatMap(\.functions) == ["f64 cos(f64 x)"])
    #expect(try repository.plan().kept.keys.sorted() == ["libm.so.6"])
    try folder.configure("[[route]]\nmatch = \"GET /sin/{x}\"\ncall = \"libm.so.6: f64 sin(f64 x)\"")
    let second = try repository.plan()
    #expect(second.generations.map(\.label) == ["libm.so.6/2"])
    guard case .loadedLibrary = second.generations.first?.source else {
      return #expect(Bool(false), "expected a loaded library, found \(second.generations)")
    }
  }

  @Test func `A plan names changes of routes that no plugin has`() async throws {
    try await folder.install("hello", "GET /hello")
    try folder.configure("[[route]]\nmatch = \"GET /helo\"\ntimeout = \"1s\"")
    let plan = try folder.repository().plan()
    #expect(plan.routeErrors.count == 1)
    #expect(plan.routeErrors.first?.contains("no plugin has the route GET /helo; did you mean GET /hello?") == true)
    #expect(throws: HostError.self) { try plan.validate(refusing: false) }
  }
}

@Suite struct `Settling a plan` {
  private let folder: HostFolder

  init() throws { folder = try HostFolder() }

  @Test func `The number of a generation is used again if it was never loaded, and not if it was`() async throws {
    try await folder.install("hello", "GET /hello")
    let repository = try folder.repository()
    for (stage, label) in [(PreparationFailure.Stage.notLoaded, "hello/1"), (.loaded, "hello/1"), (.loaded, "hello/2")]
    {
      var plan = try repository.plan()
      #expect(plan.generations.map(\.label) == [label])
      try repository.settle(&plan, failing: ["hello": stage])
      #expect(plan.generations.isEmpty && plan.refusals.keys.sorted() == [folder.file("hello")])
    }
  }

  @Test func `A discarded plan has its copies removed and its numbers reused`() async throws {
    try await folder.install("hello", "GET /hello")
    let repository = try folder.repository()
    let plan = try repository.plan()
    repository.discard(plan)
    #expect(!FileManager.default.fileExists(atPath: plan.generations[0].copy.path))
    #expect(try repository.plan().generations.map(\.label) == ["hello/1"])
  }

  @Test func `A generation is aborted if its new route belongs to a plugin that could not be prepared`() async throws {
    try await folder.install("giver", "GET /shared")
    let repository = try folder.repository()
    try repository.reload()
    try await folder.install("giver", "GET /other")
    try await folder.install("taker", "GET /shared")
    var plan = try repository.plan()
    #expect(plan.generations.map(\.label) == ["giver/2", "taker/1"])
    #expect(try repository.settle(&plan, failing: ["giver": .loaded]) == ["taker"])
    #expect(plan.generations.isEmpty)
    #expect(plan.refusals[folder.file("taker")]?.problems.map(\.code) == [.conflictingRoute])
    repository.adopt(plan)
    #expect(repository.serving.mapValues(\.label) == ["giver": "giver/1"])
  }

  @Test func `The last good copy is planned for a file that a worker could not start`() async throws {
    try await folder.install("hello", "GET /old")
    var plan = try folder.repository(keepsLastGood: true).reload()
    let first = try folder.repository(keepsLastGood: true)
    plan = try first.reload()
    first.keepLastGood()
    try await folder.install("hello", "GET /new")
    let second = try folder.repository(keepsLastGood: true)
    plan = try second.plan(fallingBack: true)
    try second.settle(&plan, failing: ["hello": .loaded])
    let fallbacks = try #require(second.planFallbacks(for: &plan, folder.source.read()))
    #expect(fallbacks.generations.map(\.label) == ["hello/2"])
    #expect(fallbacks.generations.flatMap(\.patterns).map(\.description) == ["GET /old"])
    #expect(plan.refusals.isEmpty && plan.fallbacks.keys.sorted() == [folder.file("hello")])
    plan.generations += fallbacks.generations
    try second.settle(&plan, failing: [:])
    second.adopt(plan)
    #expect(second.serving["hello"]?.isLastGoodCopy == true)
  }
}
