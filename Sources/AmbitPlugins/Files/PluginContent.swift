package import AmbitCore

/// The whole content of a plugin's file at one moment, and its identity.
///
/// What is hashed, checked and copied are these bytes, so that a file that changes later changes nothing here.
package struct PluginContent: Sendable {
  package let file: PluginFile
  /// Tells whether the file is another one than before; inode and time do not, since both are used again.
  package let hash: SHA256
  let bytes: [UInt8]

  /// Reads `file` once nobody has changed it for `settle`, by its time of modification. A file that changes during the
  /// wait or the reading is tried once more, then refused as still being written, and so is one that `trust` does not
  /// believe. `pause` waits on the calling thread.
  package init(
    of file: PluginFile, settle: Duration = .milliseconds(100), trust: FileTrust = .any,
    pause: (Duration) -> Void = pauseThread
  ) throws(PluginRefusal) {
    do throws(UntrustedFile) {
      try trust.check(file.path)
    } catch {
      throw PluginRefusal(.untrusted, file, error.description)
    }
    let bytes = try Self.settledBytes(of: file, settle: settle, pause: pause)
    self.file = file
    self.bytes = bytes
    hash = SHA256(of: bytes.span)
  }

  /// What the bytes say of the library, without loading it.
  /// - Throws: if they are no whole shared library for this machine.
  package func facts() throws(PluginRefusal) -> LibraryFacts { try LibraryFacts(of: bytes, in: file) }

  private static func settledBytes(
    of file: PluginFile, settle: Duration, pause: (Duration) -> Void
  ) throws(PluginRefusal) -> [UInt8] {
    for _ in 0..<2 {
      if let bytes = try attempt(file, settle: settle, pause: pause) { return bytes }
    }
    throw PluginRefusal(.unsettled, file, "still being written: it changed twice while it was read")
  }

  /// The bytes, or nil if the file changed between the first look at it and the last.
  private static func attempt(
    _ file: PluginFile, settle: Duration, pause: (Duration) -> Void
  ) throws(PluginRefusal) -> [UInt8]? {
    let (before, bytes, after): (FileStatus, [UInt8], FileStatus)
    do throws(FileError) {
      let source = try OpenFile(reading: file.path)
      before = try source.status()
      let age = before.age
      if before.kind == .file, age < settle { pause(min(settle, settle - age)) }
      bytes = before.kind == .file ? try source.readAll(expecting: before.size) : []
      after = try FileStatus(of: file.path)
    } catch {
      throw PluginRefusal(.unreadable, file, error.reason)
    }
    guard before.kind == .file else {
      let found = before.kind == .folder ? "a folder" : "neither a file nor a folder"
      throw PluginRefusal(.unreadable, file, "expected a shared library, found \(found)")
    }
    return before == after && bytes.count == before.size ? bytes : nil
  }
}
