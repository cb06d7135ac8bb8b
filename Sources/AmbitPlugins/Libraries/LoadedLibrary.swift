internal import AmbitSystem

/// A library that the system's loader of a process has under a name, and what that process knows of its file. The
/// process that serves answers with it, since the one that plans has loaded nothing.
package struct LoadedLibrary: Codable, Sendable, Equatable {
  /// The path of its file, as the loader names it.
  package let path: String
  /// The file was replaced or removed since it was loaded. False for a private copy.
  package let hasLostFile: Bool
  /// Its code is the present content of the file that was asked about. False for a private copy.
  package let isAskedFile: Bool
  /// Of a private copy: the operator's file that the loader would find under the name; nil if it would find none.
  package let foundFile: String?

  init(path: String, hasLostFile: Bool = false, isAskedFile: Bool = false, foundFile: String? = nil) {
    (self.path, self.hasLostFile, self.isAskedFile, self.foundFile) = (path, hasLostFile, isAskedFile, foundFile)
  }

  /// The library that the loader of this process has; nil if it has none. Loads nothing. Blocks while the loader is
  /// busy.
  /// - Parameters:
  ///   - name: The name that another library is linked with.
  ///   - file: The operator's file that belongs to the name; nil if the loader is to find it.
  ///   - copies: The folder of the host's private copies.
  package init?(_ name: String, file: String?, besides copies: String) {
    guard let library = SystemLoader.library(name) else { return nil }
    if PluginCopies.isFile(library.path, in: copies) {
      self.init(path: library.path, foundFile: file == nil ? LibrarySearch().file(of: name) : nil)
    } else {
      let images = LoadedImages()
      self.init(
        path: library.path, hasLostFile: images?.hasLostFile(at: library.address) ?? false,
        isAskedFile: file.map { images?.contains(fileAt: $0) ?? false } ?? false)
    }
  }

  /// The answer that holds for all workers.
  ///
  /// A private copy counts first: a plan names the file of the copy, and the workers that have none open it too. Else
  /// the operator is to hear of a worker that keeps an old version, or that uses another library of the name.
  /// - Parameters:
  ///   - answers: What each worker has under the name, at least one.
  ///   - copies: The folder of the host's private copies.
  package static func agreed(_ answers: [LoadedLibrary?], besides copies: String) -> LoadedLibrary? {
    let loaded = answers.compactMap { $0 }
    if let copy = loaded.first(where: { PluginCopies.isFile($0.path, in: copies) }) { return copy }
    return loaded.first(where: \.hasLostFile) ?? loaded.first { !$0.isAskedFile } ?? loaded.first
  }
}
