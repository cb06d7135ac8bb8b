import Glibc

/// An open file, closed when the value ends.
struct OpenFile: ~Copyable {
  private let descriptor: Int32
  private let path: String

  /// Never waits for the other end of a FIFO, and is not inherited by child processes.
  init(reading path: String) throws(FileError) {
    descriptor = try systemCall("open it", path) { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    self.path = path
  }

  /// A new file, with `mode` less the process's umask; one that exists already is an error.
  init(creating path: String, mode: mode_t) throws(FileError) {
    descriptor = try systemCall("create it", path) { open(path, O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, mode) }
    self.path = path
  }

  deinit { close(descriptor) }

  func status() throws(FileError) -> FileStatus {
    var status = stat()
    _ = try systemCall("examine it", path) { fstat(descriptor, &status) }
    return FileStatus(status)
  }

  /// All bytes up to the end; `expected` is how many there should be.
  func readAll(expecting expected: Int) throws(FileError) -> [UInt8] {
    var bytes = [UInt8]()
    bytes.reserveCapacity(expected)
    while true {
      let chunk = try readSome(upTo: 256 * 1024)
      guard !chunk.isEmpty else { return bytes }
      bytes += chunk
    }
  }

  private func readSome(upTo capacity: Int) throws(FileError) -> [UInt8] {
    var failure: FileError?
    let chunk = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      do throws(FileError) {
        count = try systemCall("read it", path) { read(descriptor, buffer.baseAddress, capacity) }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return chunk
  }

  func write(_ bytes: [UInt8]) throws(FileError) {
    var written = 0
    while written < bytes.count {
      written += try systemCall("write it", path) {
        bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written) }
      }
    }
  }
}
