internal import Glibc
internal import Synchronization

/// What commands print. Unlike `print`, which buffers and drops errors, it writes at once and reports each error: a full
/// disk, a closed descriptor.
package enum StandardOutput {
  private static let wasClosed = Atomic<Bool>(false)

  /// Notes that the process was started without standard output, before the null device takes its place.
  static func noteIfClosed() {
    if fcntl(STDOUT_FILENO, F_GETFD) == -1 { wasClosed.store(true, ordering: .relaxed) }
  }

  /// Writes the text. Blocks for the reader.
  /// - Throws: the system's reason if not all of it could be written.
  package static func write(_ text: String) throws(SystemError) {
    let operation = "cannot write to standard output"
    guard !text.isEmpty else { return }
    if wasClosed.load(ordering: .relaxed) { throw SystemError(operation: operation, code: EBADF) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(STDOUT_FILENO, $0.baseAddress!, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError(operation: operation) }
      rest.removeFirst(count)
    }
  }
}
