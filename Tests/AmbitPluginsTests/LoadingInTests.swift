import AmbitPlugins
import Foundation

extension LoadedPlugin {
  /// Takes the file through all steps from reading to the check of its entry.
  static func load(_ file: PluginFile) throws -> LoadedPlugin {
    try LoadedPlugin(copies.get().add(.settled(file)))
  }
}

/// One folder for all tests, which stays until the process ends. A copy that were removed with its test could leave its
/// inode number to the copy of another test, which the loader would take for the library that it has already.
private let copies = Result {
  let copies = try PluginCopies(in: FileManager.default.temporaryDirectory.path)
  atexit { removeCopies() }
  return copies
}

private func removeCopies() { try? copies.get().remove() }
