package import AmbitCore
import AmbitSystem
import Glibc

/// A plugin's file at one moment, and the identity of its content.
///
/// The file is read in pieces, so that a large file takes no memory. It stays open as long as the value lives: if it is
/// replaced later, this value still has the old file; if it is overwritten, `copy` notices that.
package struct PluginContent: Sendable {
  package let file: PluginFile
  /// The identity of the content. Inode and time are no identity, because both can be reused.
  package let hash: SHA256
  /// In bytes.
  package let size: Int
  private let source: OpenFile

  /// The largest file that is read unless the caller says otherwise, in bytes: 1 GiB.
  package static let defaultLimit = 1 << 30

  /// Bytes of the file that are checked first: the ELF header and, mostly, the program headers.
  private static let headSize = 64 << 10

  /// Reads `file` once it has been unchanged for `settle`, by its time of modification. If the file changes meanwhile,
  /// it is read once more, then refused as still being written. A file is refused before it is read as a whole if
  /// `trust` fails, if it is larger than `limit` bytes, or if its first bytes are not those of a whole library for this
  /// machine. `pause` waits on the calling thread.
  package init(
    of file: PluginFile, settle: Duration = .milliseconds(100), trust: FileTrust = .any, limit: Int = defaultLimit,
    pause: (Duration) -> Void = pauseThread
  ) throws(PluginError) {
    do throws(UntrustedFile) {
      try trust.check(file.location)
    } catch {
      throw PluginError(.untrusted, file, error.description)
    }
    for _ in 0..<2 {
      if let content = try Self.attempt(file, settle: settle, limit: limit, pause: pause) {
        self = content
        return
      }
    }
    throw PluginError(.unsettled, file, "still being written: it changed twice while it was read")
  }

  private init(_ file: PluginFile, _ source: OpenFile, hash: SHA256, size: Int) {
    self.file = file
    self.source = source
    self.hash = hash
    self.size = size
  }

  /// The same content under the name of `file`, beside which the libraries are that it brings along.
  func taken(for file: PluginFile) -> PluginContent { PluginContent(file, source, hash: hash, size: size) }

  /// The content; nil if the file changed while it was read.
  private static func attempt(
    _ file: PluginFile, settle: Duration, limit: Int, pause: (Duration) -> Void
  ) throws(PluginError) -> PluginContent? {
    let source = try reading(file) { () throws(FileError) in try OpenFile(reading: file.location) }
    let before = try reading(file) { () throws(FileError) in try source.status() }
    try refuseUnlessFile(before, file)
    let age = before.age
    if age < settle { pause(min(settle, settle - age)) }
    let pluginError = try reading(file) { () throws(FileError) -> PluginError? in
      try objection(to: source, of: before.size, limit: limit, in: file)
    }
    let hash = try reading(file) { () throws(FileError) -> SHA256? in
      pluginError == nil ? try Self.hash(of: source, size: before.size) : nil
    }
    let after = try reading(file) { () throws(FileError) in try FileStatus(of: file.location) }
    guard after == before else { return nil }
    if let pluginError { throw pluginError }
    return hash.map { PluginContent(file, source, hash: $0, size: before.size) }
  }

  /// Turns the error of a system call into one about the plugin.
  private static func reading<Value>(
    _ file: PluginFile, _ body: () throws(FileError) -> Value
  ) throws(PluginError) -> Value {
    do throws(FileError) { return try body() } catch { throw PluginError(.unreadable, file, error.reason) }
  }

  /// The hash of the content; nil if the file does not have `size` bytes any more. Reads no further than that.
  private static func hash(of source: OpenFile, size: Int) throws(FileError) -> SHA256? {
    var hash = SHA256.Pieces()
    let count = try source.readPieces(upTo: size + 1) { hash.append($0.span) }
    return count == size ? hash.hash : nil
  }

  private static func refuseUnlessFile(_ status: FileStatus, _ file: PluginFile) throws(PluginError) {
    guard status.kind != .file else { return }
    let found = status.kind == .folder ? "a folder" : "neither a file nor a folder"
    throw PluginError(.unreadable, file, "expected a shared library, found \(found)")
  }

  /// Why a file of `size` bytes is refused by its first bytes and size; nil if it is not.
  private static func objection(
    to source: OpenFile, of size: Int, limit: Int, in file: PluginFile
  ) throws(FileError) -> PluginError? {
    let head = try source.readHead(upTo: headSize)
    do throws(ELFError) {
      try ELF.checkHead(head.span, size: UInt64(size))
    } catch {
      return PluginError(.notALibrary, file, error.description)
    }
    guard size > limit else { return nil }
    return PluginError(
      .tooLarge, file,
      "the file has \(size) bytes, at most \(limit) are allowed; raise max_plugin_size if it is meant to be that large")
  }

  /// Writes the content to a new file at `path`, with the rights that `use` gives to others.
  /// - Throws: `.unsettled` if the file has changed since it was read; nothing is left at `path` then.
  func copy(to path: String, for use: FolderUse = .own) throws(PluginError) {
    var hash = SHA256.Pieces()
    do throws(FileError) {
      let copy = try OpenFile(creatingOwn: path, mode: use.fileMode)
      do throws(FileError) {
        try source.readPieces(upTo: size + 1) { (piece) throws(FileError) in
          hash.append(piece.span)
          try copy.write(piece)
        }
      } catch {
        Paths.remove(path)
        throw error
      }
    } catch {
      throw PluginError(.unreadable, file, "cannot make a private copy: \(error)")
    }
    guard hash.hash == self.hash else {
      Paths.remove(path)
      throw PluginError(.unsettled, file, "still being written: it changed while it was copied")
    }
  }
}
