import Foundation
import Synchronization
import TestSupport

/// The lines a host has written so far, and the tests that wait for the next ones. What plugins wrote in their dry run
/// is in `all` only, for most tests are about the real thing.
final class HostLog: Sendable {
  private struct Waiter {
    let number: Int
    let matches: @Sendable (LogLine) -> Bool
    let count: Int
    var found: [LogLine]
    let continuation: CheckedContinuation<[LogLine], any Error>
  }

  private struct State {
    var lines: [LogLine] = []
    var unfinished: [UInt8] = []
    var waiters: [Waiter] = []
    var waiterCount = 0
    var hasEnded = false
  }

  /// How long a line may take. It comes sooner, or never, and then the test is to fail by its name.
  private static let limit = DispatchTimeInterval.seconds(300)

  private let state = Mutex(State())
  private let isPaused = Mutex(false)

  /// Follows `descriptor` to its end, which comes when the host and all that hold its standard error are gone.
  init(following descriptor: Int32) {
    Thread.detachNewThread { [self] in
      drain(descriptor) { piece in
        state.withLock { append(piece, to: &$0) }
        while isPaused.withLock({ $0 }) { usleep(1000) }
      }
      state.withLock { end(&$0) }
    }
  }

  /// Lets no test wait for further lines. For when the host is gone, but not a process that it has left behind and that
  /// keeps its standard error open.
  func giveUp() { state.withLock { end(&$0) } }

  /// Runs `body` while at most one more piece of the host's output is read.
  func unread<Result>(_ body: () async throws -> Result) async rethrows -> Result {
    isPaused.withLock { $0 = true }
    defer { isPaused.withLock { $0 = false } }
    return try await body()
  }

  /// The number of the last line so far.
  var position: Int { state.withLock { $0.lines.count } }

  /// The whole log so far.
  var text: String { all.map(\.text).joined(separator: "\n") }

  /// The lines so far, dry runs included.
  var all: [LogLine] { state.withLock { $0.lines } }

  /// The lines so far that match.
  func lines(where matches: (LogLine) -> Bool = { _ in true }) -> [LogLine] {
    all.filter { !$0.isDryRun && matches($0) }
  }

  /// Waits for the first line after `position` that matches; fails, with the whole log, if the host ends before, or
  /// after five minutes.
  @discardableResult
  func line(after position: Int = 0, where matches: @escaping @Sendable (LogLine) -> Bool) async throws -> LogLine {
    try await lines(1, after: position, where: matches)[0]
  }

  /// Waits for the first line after `position` that contains `part`.
  @discardableResult
  func line(after position: Int = 0, containing part: String) async throws -> LogLine {
    try await line(after: position) { $0.contains(part) }
  }

  /// Waits until `count` lines after `position` match, and hands these over.
  func lines(_ count: Int, after position: Int = 0, where matches: @escaping @Sendable (LogLine) -> Bool) async throws
    -> [LogLine]
  {
    try await withCheckedThrowingContinuation { continuation in
      state.withLock { state in
        let found = state.lines.dropFirst(position).filter { !$0.isDryRun && matches($0) }.prefix(count)
        state.waiterCount += 1
        let number = state.waiterCount
        let waiter = Waiter(
          number: number, matches: matches, count: count, found: Array(found), continuation: continuation)
        if found.count == count {
          continuation.resume(returning: waiter.found)
        } else {
          state.waiters.append(waiter)
          if state.hasEnded { end(&state) }
          DispatchQueue.global().asyncAfter(deadline: .now() + Self.limit) { [weak self] in self?.giveUp(number) }
        }
      }
    }
  }

  private func giveUp(_ number: Int) {
    state.withLock { state in
      guard let index = state.waiters.firstIndex(where: { $0.number == number }) else { return }
      fail(state.waiters.remove(at: index), state)
    }
  }

  private func append(_ piece: ArraySlice<UInt8>, to state: inout State) {
    state.unfinished += piece
    while let feed = state.unfinished.firstIndex(of: UInt8(ascii: "\n")) {
      let text = String(decoding: state.unfinished[..<feed], as: UTF8.self)
      state.unfinished.removeSubrange(...feed)
      add(LogLine(number: state.lines.count + 1, text: text, arrival: .now), to: &state)
    }
  }

  private func add(_ line: LogLine, to state: inout State) {
    state.lines.append(line)
    guard !line.isDryRun else { return }
    for index in state.waiters.indices.reversed() where state.waiters[index].matches(line) {
      state.waiters[index].found.append(line)
      guard state.waiters[index].found.count == state.waiters[index].count else { continue }
      let waiter = state.waiters.remove(at: index)
      waiter.continuation.resume(returning: waiter.found)
    }
  }

  private func end(_ state: inout State) {
    state.hasEnded = true
    for waiter in state.waiters { fail(waiter, state) }
    state.waiters = []
  }

  private func fail(_ waiter: Waiter, _ state: State) {
    let log = state.lines.map(\.text).joined(separator: "\n")
    waiter.continuation.resume(throwing: HarnessError.linesMissing(waiter.count - waiter.found.count, log: log))
  }
}

/// One line of the host's standard error: an event of its log, or a line that a probe plugin wrote itself.
struct LogLine: Sendable, CustomStringConvertible {
  /// The line's number, counted from 1.
  let number: Int
  let text: String
  /// When the line arrived here.
  let arrival: ContinuousClock.Instant

  var description: String { text }

  /// The value of `name=value` or `name="some value"` in the line, nil if the line does not have it.
  func field(_ name: String) -> String? {
    guard let start = text.range(of: " \(name)=")?.upperBound else { return nil }
    let rest = text[start...]
    guard rest.hasPrefix("\"") else { return String(rest.prefix { $0 != " " }) }
    return String(rest.dropFirst().prefix { $0 != "\"" })
  }

  /// Whether a plugin wrote it in a dry run.
  var isDryRun: Bool { text.contains(" plugin=") && field("plugin")?.hasSuffix("/dry-run") == true }

  func contains(_ part: String) -> Bool { text.contains(part) }
}
