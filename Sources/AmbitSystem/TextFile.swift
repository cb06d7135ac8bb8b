internal import CLinux
internal import Glibc

/// Reads small text files.
public enum TextFile {
  /// The whole text of a file. Blocks.
  /// - Parameter limit: most bytes that are read. A device or a pipe could go on for ever.
  /// - Throws: the system's reason, EFBIG if there are more bytes than `limit`, or EILSEQ if they are not UTF-8.
  public static func read(_ path: String, upTo limit: Int = 16 << 20) throws(SystemError) -> String {
    let descriptor = try SystemError.check("cannot open \(path)", unsafe clinux_lift(open(path, O_RDONLY | O_CLOEXEC)))
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe Glibc.read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError(operation: "cannot read \(path)") }
      if count == 0 { break }
      bytes += piece[..<count]
      guard bytes.count <= limit else {
        throw SystemError(operation: "cannot read \(path), which has more than \(limit >> 20) MiB", code: EFBIG)
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw SystemError(operation: "cannot read \(path) as UTF-8", code: EILSEQ)
    }
    return text
  }

  /// Whether the path leads to a pipe, a terminal or the like, which gives each byte only once: stat(2).
  public static func isStream(_ path: String) -> Bool {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return false }
    return ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }
}
