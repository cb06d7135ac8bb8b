import AmbitCore
import CAmbit
import Glibc
import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct ScopeMemory {
  @Test func `Memory of a scope is zeroed, aligned and apart, also when it has been used before`() throws {
    let sizes = [0, 1, 15, 16, 17, 100, 1_019, 1_020, 1_021, 4_079, 4_080, 4_096, 100_000]
    let steps = try Stage.play { stage in
      for round in 0..<50 {
        let scope = stage.open("")
        let pieces = (sizes + sizes.reversed()).map { size in
          UnsafeMutableRawBufferPointer(start: ambit_alloc(scope.asHandle, size), count: size)
        }
        for piece in pieces {
          if UInt(bitPattern: piece.baseAddress!) % 16 != 0 { stage.note("round \(round): not aligned") }
          if piece.contains(where: { $0 != 0 }) { stage.note("round \(round): \(piece.count) bytes not zero") }
          piece.initializeMemory(as: UInt8.self, repeating: 0xA5)
        }
        scope.cancel(.called)
      }
    }
    #expect(steps == [])
  }

  @Test func `Many small pieces of memory reuse what closed scopes gave back`() throws {
    let steps = try Stage.play { stage in
      var seen: Set<UnsafeMutableRawPointer> = []
      for round in 0..<100 {
        let scope = stage.open("")
        let pieces = (0..<1_000).map { _ in ambit_alloc(scope.asHandle, 64)! }
        if round == 0 { seen.formUnion(pieces) }
        if Set(pieces).count != pieces.count { stage.note("a piece given out twice") }
        if !seen.isSuperset(of: pieces) { stage.note("round \(round): new memory") }
        scope.cancel(.called)
      }
    }
    #expect(steps == [])
  }

  @Test(arguments: [Int.max, Int.max - 63] + (isSanitized ? [] : [1 << 60]))
  func `ambit_alloc returns NULL if there is no memory`(size: Int) throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      stage.note(ambit_alloc(scope.asHandle, size) == nil ? "none" : "some")
      stage.note(ambit_alloc(scope.asHandle, 16) == nil ? "none" : "some")
      scope.cancel(.called)
    }
    #expect(steps == ["none", "some"])
  }

  @Test func `The memory of a plugin's scope does not grow with names and failures of jobs`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.open("", kind: .plugin)
      for _ in 0..<3 {
        plugin.asHandle.spawn(
          options: { $0.name = UnsafePointer(strdup("background")) }, ended: { _, _ in },
          body: { scope in
            _ = ambit_fail(scope, AMBIT_FAILED, "an earlier reason")
            _ = ambit_fail(scope, AMBIT_FAILED, "a reason")
            return .ok
          })
      }
      stage.afterTurns(2) {
        stage.note("\(plugin.pointee.jobCount) \(plugin.pointee.memory.isEmpty)")
        stage.end(plugin)
      }
    }
    #expect(steps == ["0 true"])
  }

  @Test func `ambit_cstr copies a text with a NUL behind it, and returns NULL for no text`() throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      for text in ["", "a", "a\0b", String(repeating: "x", count: 5_000)] {
        text.withCString { bytes in
          let count = text.utf8.count
          let copy = ambit_cstr(scope.asHandle, ambit_str(ptr: bytes, len: count))!
          let isSame = UnsafeBufferPointer(start: copy, count: count + 1)
            .elementsEqual(UnsafeBufferPointer(start: bytes, count: count + 1))
          stage.note("\(isSame) \(copy != bytes)")
        }
      }
      stage.note("\(ambit_cstr(scope.asHandle, ambit_str(ptr: nil, len: 0)) == nil)")
      // A size_t beyond Int.max, as Swift has it.
      "x".withCString { stage.note("\(ambit_cstr(scope.asHandle, ambit_str(ptr: $0, len: -1)) == nil)") }
      scope.cancel(.called)
    }
    #expect(steps == ["true true", "true true", "true true", "true true", "true", "true"])
  }
}
