import AmbitCore
import CAmbit
import TestSupport
import Testing

@testable import AmbitRuntime

@Suite struct SpawnedCalls {
  @Test(arguments: [[Int.max], [Int.max / 2, Int.max / 2, Int.max / 2]] + (isSanitized ? [] : [[1 << 60]]))
  func `A call with arguments that no memory can hold is refused, and its hook says so`(lengths: [Int]) throws {
    let steps = try Stage.play { stage in
      let scope = stage.open("")
      let signature = "void (\(lengths.indices.map { "bytes b\($0)" }.joined(separator: ", ")))"
      // Nobody reads them.
      let arguments = lengths.map { ambit_value_bytes(UnsafeRawPointer(bitPattern: 16), $0) }
      var options = ambit_default_job_options(nil)
      options.on_end = { _, outcome, code in
        Stage.current.note("\(outcome == AMBIT_JOB_FAILED) \(Status(rawValue: code))")
      }
      let status = ambit_spawn_call(scope.asHandle, {}, signature, arguments, arguments.count, &options, nil)
      stage.note("\(Status(rawValue: status))")
      stage.end(scope)
    }
    #expect(steps == ["NO_MEMORY", "true NO_MEMORY"])
  }
}
