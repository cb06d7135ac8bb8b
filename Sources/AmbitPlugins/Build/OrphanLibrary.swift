internal import AmbitSystem

/// A library that a build has made, and that no build makes any more, because its folder or its sources are gone. The
/// host goes on serving it. Builds do not remove it: it may be the only copy.
package struct OrphanLibrary: Equatable, Sendable {
  package let path: String
  /// What is gone, a few words.
  package let reason: String

  /// Nil if `record` is not the file name of the record of such a library. A library that somebody else has put in the
  /// place of the recorded one is not such a library.
  init?(ofRecord record: String, in directory: String) {
    let suffix = ".build"
    guard record.hasPrefix("."), record.hasSuffix(suffix) else { return nil }
    let name = String(record.dropFirst().dropLast(suffix.count))
    let folder: SourceFolder?
    do throws(FileError) { folder = try SourceFolder(name, in: directory) } catch { return nil }
    guard !name.isEmpty, folder?.sources.isEmpty ?? true,
      let record = BuildRecord.read(of: name, in: directory), record.library.isUnchanged(in: directory)
    else { return nil }
    path = "\(directory)/\(name).so"
    let place = "\(directory)/\(name)"
    reason = folder == nil ? "the folder \(place) is gone" : "the C and C++ sources in \(place) are gone"
  }
}
