import Foundation
import Glibc

/// One connection to a host on this machine, used for all requests of a test.
final class KeepAliveConnection {
  private let descriptor: Int32
  private var unread = Data()

  /// Connects. An answer that does not come within half a minute is an error.
  init(port: UInt16) throws {
    descriptor = try checked(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0), "socket")
    var limit = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try checked(result, "connect")
  }

  deinit { close(descriptor) }

  /// Sends `requests` in one piece, reads that many answers, each of which must be a 200, and hands over the body of the
  /// last one.
  @discardableResult
  func exchange(_ requests: String, answers: Int) throws -> String {
    var rest = Array(requests.utf8)[...]
    while !rest.isEmpty {
      rest.removeFirst(try checked(rest.withUnsafeBytes { send(descriptor, $0.baseAddress!, $0.count, 0) }, "send"))
    }
    var body = ""
    for _ in 0..<answers { body = try answer() }
    return body
  }

  private func answer() throws -> String {
    var end = unread.firstRange(of: Self.blankLine)
    while end == nil {
      try receive()
      end = unread.firstRange(of: Self.blankLine)
    }
    let head = try take(end!.upperBound - unread.startIndex)
    let length = head.components(separatedBy: "Content-Length: ").last.flatMap { Int($0.prefix(while: \.isNumber)) }
    guard head.hasPrefix("HTTP/1.1 200 "), let length else { throw NotAnOK(answer: head) }
    return try take(length)
  }

  private static let blankLine = Data("\r\n\r\n".utf8)

  private func take(_ count: Int) throws -> String {
    while unread.count < count { try receive() }
    defer { unread.removeFirst(count) }
    return String(decoding: unread.prefix(count), as: UTF8.self)
  }

  private func receive() throws {
    var piece = [UInt8](repeating: 0, count: 16_384)
    let count = try checked(recv(descriptor, &piece, piece.count, 0), "recv")
    guard count > 0 else { throw NotAnOK(answer: "end of the connection") }
    unread.append(contentsOf: piece[..<count])
  }
}

/// The host did not answer with a 200 of known length.
struct NotAnOK: Error {
  let answer: String
}

/// A call of the system failed with this `errno`.
struct SystemFailure: Error {
  let call: String
  let code: Int32
}

@discardableResult
private func checked<Number: BinaryInteger>(_ result: Number, _ call: String) throws -> Number {
  guard result >= 0 else { throw SystemFailure(call: call, code: errno) }
  return result
}
