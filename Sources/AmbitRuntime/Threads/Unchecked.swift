/// A value that the compiler cannot see to be safe to pass to another thread; who passes it says why it is.
public struct Unchecked<Value>: @unchecked Sendable {
  public let value: Value
  public init(_ value: Value) { self.value = value }
}
