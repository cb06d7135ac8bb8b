import AmbitCore
import AmbitSystem
import CAmbit
import Testing

@testable import AmbitRuntime

/// A key or a value, by its address.
private func address(_ number: Int) -> UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: number)! }

extension ScopeHandle {
  fileprivate func set(_ key: Int, _ value: Int?) -> Status {
    Status(rawValue: ambit_set(self, address(key), value.map(address)))
  }

  fileprivate func get(_ key: Int) -> Int? { ambit_get(self, address(key)).map { Int(bitPattern: $0) } }
}

@Suite struct KeptValues {
  @Test func `A value is found by its key in the scope, or in the nearest scope above that has one`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("").asHandle
      let child = scope.openChild().scope!
      let below = child.openChild().scope!
      stage.note("\(scope.set(1, 10)) \(scope.set(2, 20)) \(child.set(1, 11))")
      stage.note("\([scope, child, below].map { [$0.get(1), $0.get(2), $0.get(3)].map { $0 ?? 0 } })")
      stage.note("\(child.set(1, nil)) \(child.set(2, nil)) \(below.get(1) ?? 0) \(below.get(2) ?? 0)")
      stage.note("\(child.set(1, 12)) \(child.set(1, 13)) \(below.get(1) ?? 0) \(scope.get(1) ?? 0)")
      scope.cancel()
    }
    #expect(steps == ["OK OK OK", "[[10, 20, 0], [11, 20, 0], [11, 20, 0]]", "OK OK 10 20", "OK OK 13 10"])
  }

  @Test func `A value needs a key`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("").asHandle
      stage.note("\(Status(rawValue: ambit_set(scope, nil, address(1)))) \(ambit_get(scope, nil) == nil)")
      scope.cancel()
    }
    #expect(steps == ["INVALID true"])
  }

  @Test func `The values of a plugin's scope are the same on every loop`() throws {
    let group = try LoopGroup(count: 2, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    let generation = GenerationPointer.allocate(capacity: 1)
    generation.initialize(to: Generation(label: "kept/1", settings: SettingsTable([]), shards: .allocate(capacity: 2)))
    let shared = Unchecked(generation)
    let shards = group.onEach { loop in
      let shard = ScopePointer.allocate(capacity: 1)
      shard.open(below: loop.pointee.root, kind: .plugin, observer: nil)
      shard.join(shared.value)
      return Unchecked(shard)
    }
    let opened = Latch<Status>()
    let first = shards[0].value.pointee.loop.pointee.index
    group.loops[first].post { _ in opened.arrive(shards[0].value.asHandle.set(1, 10)) }
    #expect(opened.wait()?.first == .ok)
    let found = group.onEach { loop in
      shards.first { $0.value.pointee.loop == loop }!.value.asHandle.openChild().scope!.get(1)
    }
    #expect(found == [10, 10])
  }
}
