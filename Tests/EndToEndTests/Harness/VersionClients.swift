import Foundation
import Synchronization
import TestSupport
import Testing

/// Clients that ask a host for one path again and again until they are told to stop: some on connections that they
/// keep, some on a new connection each time. Each has a thread of its own.
final class VersionClients: Sendable {
  /// What the clients have seen.
  struct Record: Sendable {
    var answers = 0
    /// Of each text of an answer: when the last request began that got it.
    var lastBeginnings: [String: ContinuousClock.Instant] = [:]
    /// Requests without an answer of status 200.
    var failures: [Failure] = []
    /// Connections that the host has closed although the client would have kept them, after an answer that said so or
    /// without one.
    var closedConnections = 0
  }

  struct Failure: Sendable, CustomStringConvertible {
    let began: ContinuousClock.Instant
    let reason: String
    var description: String { reason }
  }

  private let port: UInt16
  private let target: String
  private let record = Mutex(Record())
  private let isStopping = Mutex(false)
  private let running: DispatchGroup

  /// - Parameters:
  ///   - kept: how many clients keep their connection.
  ///   - fresh: how many clients connect for each request.
  init(of host: Host, _ target: String, kept: Int, fresh: Int) {
    (port, self.target, running) = (host.port, target, DispatchGroup())
    for index in 0..<kept + fresh {
      running.enter()
      Thread.detachNewThread { [self] in
        run(keeps: index < kept)
        running.leave()
      }
    }
  }

  /// What has been seen so far.
  var present: Record { record.withLock { $0 } }

  /// Waits until the clients have got 64 more answers.
  func round() async throws {
    let answers = present.answers
    try await eventually(until: { $0 >= answers + 64 }) { present.answers }
  }

  /// Ends the clients.
  /// - Returns: what they have seen.
  func stop() async -> Record {
    isStopping.withLock { $0 = true }
    await withCheckedContinuation { continuation in running.notify(queue: .global()) { continuation.resume() } }
    return present
  }

  private func run(keeps: Bool) {
    var connection: Client?
    while !isStopping.withLock({ $0 }) {
      // Before the look at the connection, which may be lost after it.
      let began = ContinuousClock.now
      // The host may have closed a connection without a request. A client like a browser sees that before it sends.
      if let old = connection, old.isReadable {
        record.withLock { $0.closedConnections += 1 }
        connection = nil
      }
      do {
        let present = try connection ?? Client(port: port)
        try present.send("GET \(target) HTTP/1.1\r\nHost: ambit\r\n\(keeps ? "" : "Connection: close\r\n")\r\n")
        let reply = try present.reply()
        note(reply, began)
        let ends = reply["connection"] == "close"
        if keeps, ends { record.withLock { $0.closedConnections += 1 } }
        connection = keeps && !ends ? present : nil
      } catch {
        record.withLock { $0.failures.append(Failure(began: began, reason: "\(error)")) }
        connection = nil
      }
      Thread.sleep(forTimeInterval: 0.001)
    }
  }

  private func note(_ reply: ReceivedResponse, _ began: ContinuousClock.Instant) {
    record.withLock { record in
      guard reply.status == 200 else {
        record.failures.append(Failure(began: began, reason: "status \(reply.status): \(reply.text)"))
        return
      }
      record.answers += 1
      record.lastBeginnings[reply.text] = max(record.lastBeginnings[reply.text] ?? began, began)
    }
  }
}
