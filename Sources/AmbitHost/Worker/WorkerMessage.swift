internal import AmbitSystem

/// The messages between a supervisor and its worker: orders with a number each, and answers with the number of their
/// order.
enum WorkerMessage {
  static func order(_ order: WorkerOrder, number: UInt64) -> [UInt8] {
    bytes(of: number) + MessageEncoder.encode(order)
  }

  /// The number and the order of a message.
  /// - Throws: if it is no order. Code of a plugin has written to the connection then.
  static func order(_ message: [UInt8]) throws(MalformedMessageError) -> (number: UInt64, order: WorkerOrder) {
    (try number(message), try MessageDecoder.decode(WorkerOrder.self, from: message.dropFirst(8)))
  }

  static func answer(_ answer: some Codable & Sendable, to number: UInt64) -> [UInt8] {
    bytes(of: number) + MessageEncoder.encode(answer)
  }

  /// The number of the order that a message answers.
  static func number(_ message: [UInt8]) throws(MalformedMessageError) -> UInt64 {
    guard message.count >= 8 else { throw MalformedMessageError() }
    return message[..<8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The answer in a message.
  static func answer<Answer: Codable>(
    _ type: Answer.Type, _ message: [UInt8]
  ) throws(MalformedMessageError) -> Answer {
    try MessageDecoder.decode(type, from: message.dropFirst(8))
  }

  /// The first eight bytes of a message.
  private static func bytes(of number: UInt64) -> [UInt8] {
    stride(from: UInt64(0), to: 64, by: 8).map { UInt8(truncatingIfNeeded: number >> $0) }
  }
}

/// An answer without content.
struct Done: Codable, Sendable {}

/// The result of a call that may throw.
enum CallResult<Value: Codable & Sendable, Failure: Error & Codable & Sendable>: Codable, Sendable {
  case success(Value)
  case failure(Failure)

  init(_ body: () throws(Failure) -> Value) {
    do throws(Failure) { self = .success(try body()) } catch { self = .failure(error) }
  }

  func get() throws(Failure) -> Value {
    switch self {
    case .success(let value): return value
    case .failure(let error): throw error
    }
  }
}
