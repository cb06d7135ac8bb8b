import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct LimitsOfPlugins {
  private static func limits(_ change: (inout PluginLimits) -> Void) -> PluginLimits {
    var limits = PluginLimits()
    change(&limits)
    return limits
  }

  @Test func `The limit of jobs counts those of the plugin's scope, of its requests and of the scopes below`() throws {
    let limits = Self.limits { $0.jobs = 4 }
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin(limits: limits)
      plugin.spawn("background") { $0.sleep() }
      let request = stage.open("", kind: .request, below: plugin)
      request.spawn("opener") { scope in
        let child = scope.openChild().scope!
        let statuses = [child, scope, child].map { $0.spawn(ended: { _, _ in }) { $0.sleep() }.status }
        let own = plugin.asHandle.spawn(ended: { stage.note("\($0) \($1)") }, body: { $0.sleep() }).status
        stage.note("\(statuses) \(own)")
        _ = child.closeChild()
        stage.note("\(plugin.asHandle.spawn(ended: { _, _ in }) { _ in .ok }.status)")
        scope.cancel()
        return .ok
      }
      stage.afterTurns(6) {
        stage.note("\(plugin.pointee.use.jobs.used)")
        plugin.cancel(.shutdown)
      }
    }
    #expect(
      steps == [
        "[OK, OK, LIMIT] LIMIT", "cancelled LIMIT", "OK", "opener ends completed OK", "1",
        "background ends cancelled CANCELLED", "plugin closes: shutdown",
      ])
  }

  @Test func `Another plugin on the same loop has a limit of its own`() throws {
    let limits = Self.limits { $0.jobs = 1 }
    let steps = try Stage.play { stage in
      let plugins = ["one", "two"].map { stage.openPlugin($0, limits: limits) }
      for plugin in plugins {
        let statuses = (0..<2).map { _ in plugin.asHandle.spawn(ended: { _, _ in }) { $0.sleep() }.status }
        stage.note("\(statuses)")
      }
      for plugin in plugins { plugin.cancel(.shutdown) }
    }
    #expect(steps.prefix(2) == ["[OK, LIMIT]", "[OK, LIMIT]"])
  }

  @Test func `Posted jobs count from the post on, and no more if they never run`() throws {
    let limits = Self.limits { $0.jobs = 2 }
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin(limits: limits)
      let request = stage.open("", kind: .request, below: plugin)
      let references = [plugin.asHandle.reference, request.asHandle.reference]
      stage.note("\((0..<3).map { references[$0 % 2].post { _ in .ok } })")
      // The job of the request is not spawned any more.
      request.cancel(.disconnect)
      stage.note("\((0..<2).map { _ in references[0].post { $0.sleep() } })")
      stage.afterTurns(4) {
        stage.note("\(plugin.pointee.use.jobs.used) \((0..<2).map { _ in references[0].post { $0.sleep() } })")
        plugin.cancel(.shutdown)
        stage.note("\(plugin.pointee.use.jobs.limit.report.used)")
      }
    }
    #expect(steps == ["[OK, OK, LIMIT]", "[OK, LIMIT]", "1 [OK, LIMIT]", "1", "plugin closes: shutdown"])
  }

  @Test func `ambit_alloc returns NULL above the limit, and closed scopes give their memory back`() throws {
    let limits = Self.limits { $0.alloc = 64 << 10 }
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin(limits: limits)
      for _ in 0..<2 {
        let request = stage.open("", kind: .request, below: plugin)
        let scopes = [request.asHandle, request.asHandle.openChild().scope!, plugin.asHandle]
        let pieces = scopes.map { ambit_alloc($0, 24 << 10) != nil }
        let hasHuge = [1 << 40, .max - 807, .max].contains { ambit_alloc(scopes[1], $0) != nil }
        stage.note("\(pieces) \(!hasHuge) \(ambit_alloc(scopes[0], 100) != nil)")
        request.cancel(.called)
        stage.note("\(plugin.pointee.use.memory.used >> 10)")
      }
      plugin.cancel(.shutdown)
    }
    #expect(
      steps == [
        "[true, true, false] true true", "0", "[true, true, false] true true", "0", "plugin closes: shutdown",
      ])
  }

  @Test func `A copy of ambit_cstr counts as memory of the plugin, too`() throws {
    let limits = Self.limits { $0.alloc = 8 << 10 }
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin(limits: limits)
      let request = stage.open("", kind: .request, below: plugin)
      let text = String(repeating: "x", count: 5_000)
      let copied = (0..<2).map { _ in
        text.withCString { ambit_cstr(request.asHandle, ambit_str(ptr: $0, len: 5_000)) != nil }
      }
      stage.note("\(copied)")
      plugin.cancel(.shutdown)
    }
    #expect(steps == ["[true, false]", "plugin closes: shutdown"])
  }

  @Test func `Refused jobs leave nothing behind but their hooks, which do not count against the limit`() throws {
    let limits = Self.limits { $0.jobs = 2 }
    let count = 5_000
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin(limits: limits)
      plugin.spawn("background") { $0.sleep() }
      let request = stage.open("", kind: .request, below: plugin)
      request.spawn("job") { scope in
        let records = stage.loop.pointee.freeJobs.liveCount
        let silent = (0..<count).filter { _ in ambit_spawn(scope, { _, _ in 0 }, nil, nil, nil) == AMBIT_LIMIT }.count
        var order: [Int] = []
        for number in 0..<count { _ = scope.spawn(ended: { _, _ in order.append(number) }) { _ in .ok } }
        let made = stage.loop.pointee.freeJobs.liveCount - records
        stage.note("\(silent) refused, \(made) records, \(plugin.pointee.use.jobs.used) in use, \(order.count) ended")
        stage.note("\(Status(rawValue: ambit_join_all(scope, -1))) \(order == Array(0..<count))")
        plugin.cancel(.shutdown)
        return .ok
      }
    }
    #expect(
      steps == [
        "5000 refused, 0 records, 2 in use, 0 ended", "OK true", "job ends completed OK",
        "background ends cancelled CANCELLED", "plugin closes: shutdown",
      ])
  }

  @Test func `A hook of a refused job that tries again does not keep the loop from other work`() throws {
    let limits = Self.limits { $0.jobs = 1 }
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin(limits: limits)
      plugin.spawn("background") { $0.sleep() }
      var isOver = false
      func again() {
        if !isOver { _ = plugin.asHandle.spawn(ended: { _, _ in again() }) { _ in .ok } }
      }
      again()
      stage.afterTurns(5) {
        stage.note("others had their turns")
        isOver = true
        plugin.cancel(.shutdown)
      }
    }
    #expect(
      steps == [
        "others had their turns", "background ends cancelled CANCELLED", "plugin closes: shutdown",
      ])
  }

  @Test(arguments: MemoryUser.allCases)
  fileprivate func `Calls that need memory are refused above the limit, too`(user: MemoryUser) throws {
    let limits = Self.limits { $0.alloc = 64 << 10 }
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin(limits: limits)
      for _ in 0..<2 {
        let request = stage.open("", kind: .request, below: plugin)
        let count = (1...100_000).first { user.uses(request.asHandle, $0) != .ok } ?? 0
        let used = plugin.pointee.use.memory.used
        let isNear = ((60 << 10)...(64 << 10)).contains(used)
        stage.note("\(count > 10) \(user.uses(request.asHandle, count)) \(isNear ? "near the limit" : "\(used)")")
        request.cancel(.called)
        stage.note("\(plugin.pointee.use.memory.used)")
      }
      plugin.cancel(.shutdown)
    }
    let round = ["true LIMIT near the limit", "0"]
    #expect(steps == round + round + ["plugin closes: shutdown"])
  }
}

/// A call that takes some of the plugin's memory.
private enum MemoryUser: CaseIterable {
  case event, channel, deferred, hook, value, binding, child

  /// Makes the call for the `number`th time.
  func uses(_ scope: ScopeHandle, _ number: Int) -> Status {
    switch self {
    case .event: ambit_event_new(scope) == nil ? .limit : .ok
    case .channel: ambit_channel_new(scope, 8) == nil ? .limit : .ok
    case .deferred: Status(rawValue: ambit_defer(scope, { _ in }, nil))
    case .hook: Status(rawValue: ambit_on_cancel(scope, { _ in }, nil))
    case .value:
      Status(rawValue: ambit_set(scope, UnsafeRawPointer(bitPattern: number), UnsafeMutableRawPointer(bitPattern: 1)))
    case .binding:
      bind(scope)
    case .child:
      scope.openChild().status
    }
  }

  private func bind(_ scope: ScopeHandle) -> Status {
    var function: ambit_function?
    return Status(rawValue: ambit_bind(scope, "void ()", { _, _, _ in }, nil, &function))
  }
}
