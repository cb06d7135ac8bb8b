import AmbitCore
import AmbitRuntime
import CAmbit

/// What a scope costs in which nothing happens.
struct Scopes {
  private static let count = 200_000
  private let scope: ScopePointer

  init(in scope: ScopePointer) { self.scope = scope }

  func measure() {
    measureFigure("child scope: open, close", budget: 60, operations: Self.count) {
      processorTime {
        for _ in 0..<Self.count { scope.asHandle.openChild().close() }
      }
    }
    measureRequests("request scope: open, done") { $0.endAfterReadyJobs() }
    measureRequests("request scope: open, disconnect") { $0.cancel(.disconnect) }
  }

  /// The scope of a request, in memory that is used again for the next, as a connection has it.
  private func measureRequests(_ name: String, end: (ScopePointer) -> Void) {
    let record = ScopePointer.allocate(capacity: 1)
    defer { record.deallocate() }
    let observer = ScopeObserver(cancelling: { _ in }, closed: { _ in })
    measureFigure(name, budget: 60, operations: Self.count) {
      processorTime {
        for _ in 0..<Self.count {
          _ = scope.pointee.use.requests.take()
          record.open(below: scope, kind: .request, observer: observer)
          end(record)
          record.release()
        }
      }
    }
  }
}
