import AmbitSystem
import CLinux
import Glibc

/// An open file, closed when the object goes.
final class OpenFile: Sendable {
  private let descriptor: Int32
  private let path: String

  /// How much is read at once, in bytes.
  private static let pieceSize = 256 * 1024

  /// Never waits for the other end of a FIFO, and is not inherited by child processes.
  init(reading path: String) throws(FileError) {
    descriptor = try systemCall("open it", path) { clinux_lift(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) }
    self.path = path
  }

  /// A new file, with `mode` less the process's umask; one that exists already is an error.
  init(creating path: String, mode: mode_t) throws(FileError) {
    descriptor = try systemCall("create it", path) {
      clinux_lift(open(path, O_WRONLY | O_CLOEXEC | O_CREAT | O_EXCL, mode))
    }
    self.path = path
  }

  deinit { close(descriptor) }

  func status() throws(FileError) -> FileStatus {
    var status = stat()
    _ = try systemCall("examine it", path) { fstat(descriptor, &status) }
    return FileStatus(status)
  }

  /// The first `limit` bytes; all of them if the file has no more.
  func readHead(upTo limit: Int) throws(FileError) -> [UInt8] {
    var bytes: [UInt8] = []
    try readPieces(upTo: limit) { (piece) throws(FileError) in bytes += piece }
    return bytes
  }

  /// Reads the file from its beginning to its end, but no more than `limit` bytes however it grows, and hands them to
  /// `body` piece by piece: a file of any size takes the memory of one piece.
  /// - Returns: how many bytes that were.
  @discardableResult
  func readPieces(
    upTo limit: Int, _ body: (ArraySlice<UInt8>) throws(FileError) -> Void
  ) throws(FileError) -> Int {
    var buffer = [UInt8](repeating: 0, count: min(Self.pieceSize, limit))
    var place = 0
    while place < limit {
      let wanted = min(buffer.count, limit - place)
      let count = try systemCall("read it", path) { pread(descriptor, &buffer, wanted, off_t(place)) }
      guard count > 0 else { break }
      try body(buffer[..<count])
      place += count
    }
    return place
  }

  /// Returns once what was written is on the disk: fsync(2). Of a folder, what its files are called.
  func sync() throws(FileError) {
    _ = try systemCall("write it to the disk", path) { fsync(descriptor) }
  }

  func write(_ bytes: some Collection<UInt8>) throws(FileError) {
    var written = 0
    let bytes = ArraySlice(bytes)
    while written < bytes.count {
      written += try systemCall("write it", path) {
        bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written) }
      }
    }
  }
}
