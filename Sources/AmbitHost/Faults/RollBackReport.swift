internal import AmbitCore
internal import AmbitSystem
internal import Synchronization

/// What has become of an order to roll a plugin back.
struct RollBackReport: Sendable {
  let plugin: String
  /// The generation that was rolled back, or should have been; nil if there is none.
  var from: String?
  /// The generation that serves in its place; nil if nothing has changed.
  var to: String?
  /// The generation whose content that is; nil for the last good copy of an earlier host.
  var contentOf: String?
  /// The SHA-256 of the content, in hexadecimal.
  var hash: String?
  /// In nanoseconds.
  var duration: Int64 = 0
  /// Why nothing has changed; else empty.
  var errors: [String] = []

  var milliseconds: Int64 { duration / 1_000_000 }

  /// "crashy/3, which has the content of crashy/1,".
  var successor: String {
    "\(to ?? "-"), which has the content of \(contentOf ?? "the last good copy"),"
  }

  /// For people.
  var text: String {
    let lines =
      errors.isEmpty
      ? ["rolled back \(from ?? plugin): \(successor) serves in its place (\(milliseconds) ms)"]
      : ["not rolled back, nothing has changed:"] + errors
    return lines.map { "\($0.printable)\n" }.joined()
  }

  var json: JSONValue {
    .object([
      ("plugin", .string(plugin)), ("from", JSONValue(from)), ("to", JSONValue(to)),
      ("content_of", JSONValue(contentOf)), ("sha256", JSONValue(hash)), ("milliseconds", .integer(milliseconds)),
      ("errors", .array(errors.map(JSONValue.string))),
    ])
  }
}

/// The clients of the admin API that wait for a roll-back. The control thread carries them out, one at a time, like
/// reloads.
final class RollBackQueue: Sendable {
  private struct State {
    var waiting: [(plugin: String, answer: Latch<RollBackReport?>)] = []
    var isClosed = false
  }

  private let state = Mutex(State())

  /// Asks for a roll-back, and waits for it. From threads that may block.
  /// - Returns: nil if the host stops instead.
  func rollBack(_ plugin: String, by signals: Signals) -> RollBackReport? {
    let latch = Latch<RollBackReport?>()
    let isOpen = state.withLock { state in
      if !state.isClosed { state.waiting.append((plugin, latch)) }
      return !state.isClosed
    }
    guard isOpen else { return nil }
    signals.notify()
    return latch.wait()?.first ?? nil
  }

  /// The next order. For the control thread.
  func next() -> (plugin: String, answer: Latch<RollBackReport?>)? {
    state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
  }

  /// Tells all clients, also those that ask later, that nothing is rolled back any more.
  func close() {
    state.withLock { $0.isClosed = true }
    while let (_, latch) = next() { latch.arrive(nil) }
  }
}
