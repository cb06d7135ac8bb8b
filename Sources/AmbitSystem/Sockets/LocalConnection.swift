internal import AmbitCore
internal import CLinux
internal import Glibc

/// A connection to a unix socket on this machine, for a command that sends one request and reads the response. Its
/// functions block until the peer has done its part. It is closed when the value ends.
package struct LocalConnection: ~Copyable {
  private let descriptor: Int32

  /// The operation of the error if the connection cannot be made.
  package static var connecting: String { "connect" }

  /// Connects to the socket at `path`.
  /// - Throws: the system's reason, ENOENT if there is no such file, ECONNREFUSED if no process listens on it.
  package init(to path: String) throws(SystemError) {
    var address = SocketAddress(.unix(path: path))
    let descriptor = try SystemError.check("socket", socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
    do throws(SystemError) {
      try unsafe SystemError.check(Self.connecting, address.withPointer { unsafe connect(descriptor, $0, $1.pointee) })
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// The process that listens on the socket; nil if the system does not tell, as for one in another PID namespace.
  package var peer: Int32? {
    let process = clinux_peer_process(descriptor)
    return process > 0 ? process : nil
  }

  /// Sends the whole text.
  package func send(_ text: String) throws(SystemError) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.send(descriptor, $0.baseAddress!, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count >= 0 else { throw SystemError(operation: "cannot send the request") }
      rest.removeFirst(count)
    }
  }

  /// Reads until the peer closes the connection.
  /// - Parameter limit: the most bytes that are read. The process that listens may be something else than a host.
  /// - Throws: the system's reason, EFBIG if there are more bytes than `limit`.
  package func readToEnd(limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe read(descriptor, &piece, piece.count)
      guard count >= 0 else { throw SystemError(operation: "cannot read the response") }
      if count == 0 { return bytes }
      bytes += piece[..<count]
      guard bytes.count <= limit else {
        throw SystemError(operation: "cannot read a response of more than \(limit >> 20) MiB", code: EFBIG)
      }
    }
  }
}
