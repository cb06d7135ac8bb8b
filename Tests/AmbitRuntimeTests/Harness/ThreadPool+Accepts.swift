@testable import AmbitRuntime

extension ThreadPool {
  /// Submits work; false if the pool refuses it.
  func accepts(_ kind: Kind, _ work: PoolWork) -> Bool { (try? submit(kind, work)) != nil }
}
