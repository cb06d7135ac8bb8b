package import AmbitSystem
import Glibc

/// The folder of headers that plugins are compiled with.
package struct PluginHeaders: Sendable {
  package let path: String
  private let names: [String]

  /// Makes the folder at `path` if there is none (its parent must exist), and writes each text of `headers` under its
  /// name. A file that has the text already is left alone, so that its time tells when the header last changed.
  package init(_ headers: [String: String], in path: String) throws(FileError) {
    self.path = path
    names = headers.keys.sorted()
    if mkdir(path, 0o777) == -1, errno != EEXIST {
      throw FileError(subject: path, action: "make the folder", code: errno)
    }
    for (name, text) in headers { try Self.write(Array(text.utf8), to: "\(path)/\(name)") }
  }

  /// The last change of any header, in nanoseconds since 1970.
  func lastChange() throws(FileError) -> Int64 {
    var last = Int64.min
    for name in names { last = max(last, try FileStatus(of: "\(path)/\(name)").modified) }
    return last
  }

  private static func write(_ text: [UInt8], to path: String) throws(FileError) {
    if let old = try? OpenFile(reading: path).readHead(upTo: text.count + 1), old == text { return }
    _ = try replaceFile(path) { (temporary) throws(FileError) in
      try OpenFile(creating: temporary, mode: 0o644).write(text)
      return true
    }
  }
}
