internal import AmbitCore
internal import AmbitSystem

/// Makes the files of what serves again that somebody has removed, as cleaners of temporary files do. The workers that
/// have mapped them do not need them any more, but a worker that starts later does. From any thread.
package struct CopyRestorer: Sendable {
  private let copies: PluginCopies
  private let lastGood: LastGoodCopies?

  package init(_ copies: PluginCopies, _ lastGood: LastGoodCopies?) { (self.copies, self.lastGood) = (copies, lastGood) }

  /// Makes the private copy of a plugin or a library again if it was removed, and those of the libraries that it brings
  /// along. Each is made from the operator's file, or from the last good copy, if that has the same content. Blocks only
  /// if a file is missing.
  /// - Parameters:
  ///   - name: The name of the plugin or library.
  ///   - file: The operator's file, which may have been renamed since it was loaded.
  /// - Returns: whether a file was missing.
  /// - Throws: why a worker that starts later cannot load it.
  package func restore(_ copy: PluginCopy, of name: String, in file: PluginFile) throws(PluginError) -> Bool {
    guard copy.isPrivate else {
      try checkInPlace(copy, of: name)
      return false
    }
    try makeFolder(of: name, file)
    var isWhole = true
    for dependency in copy.dependencies where dependency.copy.isPrivate && !Paths.exists(dependency.copy.path) {
      isWhole = false
      let kept = try? lastGood?.content(
        ofDependency: dependency.name, at: dependency.location, trust: .any, limit: .max)
      let file = dependency.copy.file
      try replace(dependency.copy, from: file, or: kept, of: name, file)
    }
    if try copies.replaceOpenerIfRemoved(of: copy) { isWhole = false }
    if !Paths.exists(copy.path) {
      isWhole = false
      let kept = try? lastGood?.content(of: file, trust: .any, limit: .max)
      try replace(copy, from: file, or: kept, of: name, file)
    }
    return !isWhole
  }

  private func checkInPlace(_ copy: PluginCopy, of name: String) throws(PluginError) {
    let path = copy.file.location
    guard path.hasPrefix("/"), !Paths.exists(path) else { return }
    throw PluginError(
      .missing, copy.file, plugin: name, "\(path), which is used in place, was removed, so a new worker cannot load it")
  }

  private func makeFolder(of name: String, _ file: PluginFile) throws(PluginError) {
    do throws(FileError) { _ = try copies.restore() } catch {
      throw PluginError(.unreadable, file, plugin: name, "cannot make the folder of its private copy again: \(error)")
    }
  }

  /// Writes a removed copy again. The same content was checked before, so it does not matter who could change its source.
  private func replace(
    _ copy: PluginCopy, from source: PluginFile, or kept: PluginContent?, of name: String, _ file: PluginFile
  ) throws(PluginError) {
    let present = try? PluginContent(of: source, settle: .zero)
    if let same = [present, kept].compactMap({ $0 }).first(where: { $0.hash == copy.hash }) {
      return try copies.replaceIfRemoved(copy, by: same)
    }
    let found = present == nil ? "\(source.location) cannot be read" : "\(source.location) has other content by now"
    let place = kept == nil ? "there is no last good copy" : "its last good copy is another version"
    throw PluginError(
      .missing, file, plugin: name,
      """
      the private copy \(copy.path) was removed, so a new worker cannot load it: \(found), and \(place); reload to \
      serve what is there now
      """)
  }
}
