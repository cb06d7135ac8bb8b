import TestSupport

/// The calls of a client for tests that run as tasks: each blocks a thread of its own.
extension Client {
  func send(_ bytes: [UInt8]) async throws { try await onOwnThread { try self.send(bytes) } }

  func send(_ text: String) async throws { try await send(Array(text.utf8)) }

  /// Reads one response, an interim one included.
  /// - Parameter toHead: it answers a HEAD request and has no body.
  func response(toHead: Bool = false) async throws -> ReceivedResponse {
    try await onOwnThread { try self.reply(toHead: toHead) }
  }

  /// Reads a response's head and leaves its body.
  func head() async throws -> ReceivedResponse { try await onOwnThread { try self.head() } }

  /// Takes `count` bytes as they come.
  func take(_ count: Int) async throws -> [UInt8] { try await onOwnThread { try self.take(count) } }

  /// Reads until the server closes, and hands over what came; a reset is an end like any other.
  func rest() async throws -> [UInt8] { try await onOwnThread { self.rest() } }
}
