import AmbitCore
import AmbitFFI
import AmbitRuntime
import CAmbit

/// What it costs to call a C function whose type is known at run time only.
struct Calls {
  private static let count = 200_000
  private static let batch = 100
  private let scope: ScopeHandle

  init(in scope: ScopePointer) { self.scope = scope.asHandle }

  func measure() {
    measureCall("call: i64 (i64, i64)", [.i64, .i64], unsafeBitCast(addTwo, to: CFunction.self))
    measureCall(
      "call: 9 integers, 11 doubles, 6 on the stack",
      Array(repeating: .i64, count: 9) + Array(repeating: .f64, count: 11),
      unsafeBitCast(addTwo, to: CFunction.self))
    measureBinding()
    measureSpawning()
  }

  /// The call of a prepared signature, its arguments set each time.
  private func measureCall(_ name: String, _ parameters: [CType], _ function: @escaping CFunction) {
    let interface = CallInterface(result: .i64, parameters: parameters)
    let size = ArgumentFrame.size(count: parameters.count)
    let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    measureFigure(name, operations: Self.count) {
      processorTime {
        for number in 0..<Self.count {
          let frame = ArgumentFrame(in: memory, count: parameters.count)
          for index in parameters.indices { frame.set(index, to: Int64(number)) }
          let result = interface.call(function, frame)
          precondition(result.bits == UInt64(2 * number), "ambit-micro: the call returned \(result.bits)")
        }
      }
    }
    memory.deallocate()
    interface.release()
  }

  private func measureBinding() {
    measureFigure("bind: make, call, release", operations: Self.count / Self.batch * Self.batch) {
      processorTime {
        for _ in 0..<Self.count / Self.batch {
          let child = scope.openChild()
          for _ in 0..<Self.batch { callBound(in: child) }
          child.close()
        }
      }
    }
  }

  private func callBound(in scope: ScopeHandle) {
    var function: ambit_function?
    require(ambit_bind(scope, "i32 (ptr left, ptr right)", { _, _, _ in }, nil, &function))
    _ = unsafeBitCast(function!, to: (@convention(c) (Int, Int) -> Int32).self)(1, 2)
  }

  private func measureSpawning() {
    let function = unsafeBitCast(addTwo, to: ambit_function.self)
    measureFigure("job: spawn a C call, run, release", operations: Self.count / Self.batch * Self.batch) {
      var arguments = [ambit_value_int(1), ambit_value_int(2)]
      return processorTime {
        for _ in 0..<Self.count / Self.batch {
          for _ in 0..<Self.batch {
            require(ambit_spawn_call(scope, function, "i64 (i64 a, i64 b)", &arguments, 2, nil, nil))
          }
          require(ambit_yield(scope))
        }
      }
    }
  }
}

private let addTwo: @convention(c) (Int64, Int64) -> Int64 = { $0 &+ $1 }
