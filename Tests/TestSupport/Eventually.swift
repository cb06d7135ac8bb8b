import Foundation
package import Testing

/// Reads a value until it is as expected, and records an issue that quotes the last value if it is not after `limit`.
/// - Returns: the last value.
@discardableResult
package func eventually<Value>(
  within limit: Duration = .seconds(300), every pause: Duration = .milliseconds(5),
  until expected: (Value) throws -> Bool, isolation: isolated (any Actor)? = #isolation,
  sourceLocation: SourceLocation = #_sourceLocation, _ value: () async throws -> Value
) async throws -> Value {
  let end = ContinuousClock.now + limit
  while true {
    let present = try await value()
    if try expected(present) { return present }
    if ContinuousClock.now >= end {
      Issue.record("after \(limit) the value is still \(present)", sourceLocation: sourceLocation)
      return present
    }
    try await Task.sleep(for: pause)
  }
}

/// The same for tests that block their thread.
@discardableResult
package func eventuallyBlocking<Value>(
  within limit: Duration = .seconds(300), until expected: (Value) throws -> Bool,
  sourceLocation: SourceLocation = #_sourceLocation, _ value: () throws -> Value
) rethrows -> Value {
  let end = ContinuousClock.now + limit
  while true {
    let present = try value()
    if try expected(present) { return present }
    if ContinuousClock.now >= end {
      Issue.record("after \(limit) the value is still \(present)", sourceLocation: sourceLocation)
      return present
    }
    Thread.sleep(forTimeInterval: 0.0002)
  }
}
