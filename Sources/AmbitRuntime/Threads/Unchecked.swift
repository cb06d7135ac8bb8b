/// A value that the compiler cannot see to be safe to pass to another thread; who passes it says why it is.
package struct Unchecked<Value>: @unchecked Sendable {
  package let value: Value
  package init(_ value: Value) { self.value = value }
}
