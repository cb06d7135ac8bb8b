package import AmbitCore
import Glibc

/// The host's own folder of the libraries that it has loaded.
///
/// The loader knows a library by its path, device and inode, so each generation gets a file of its own that stays until
/// the process ends: an inode number that were used again would bring back the old code. A copy also outlives whatever
/// is done to the operator's file, which kills a process that mapped it when it is overwritten in place.
package struct PluginCopies: Sendable {
  package let path: String

  /// Makes a new folder in `parent`, readable by this user alone. The file system must allow execution.
  package init(in parent: String) throws(FileError) {
    path = try makeUniqueFolder(in: parent, prefix: "ambit-")
  }

  /// Checks that the content is a library for this machine that can be loaded, and writes it as
  /// `STEM.GENERATION.HASH.so`. No two copies may have the same stem and generation.
  package func add(_ content: PluginContent, generation: UInt64) throws(PluginRefusal) -> PluginCopy {
    let file = content.file
    let facts = try content.facts()
    do throws(ELFError) {
      try facts.checkLoadable()
    } catch {
      throw PluginRefusal(.notALibrary, file, error.description)
    }
    let copy = "\(path)/\(file.stem).\(generation).\(content.hash.prefix).so"
    do throws(FileError) {
      try write(content.bytes, to: copy)
    } catch {
      throw PluginRefusal(.unreadable, file, "no private copy of it: \(error)")
    }
    return PluginCopy(file: file, hash: content.hash, facts: facts, generation: generation, path: copy)
  }

  /// Leaves no half of a copy behind, and whatever had the name before alone.
  private func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let copy = try OpenFile(creating: path, mode: 0o700)
    do throws(FileError) {
      try copy.write(bytes)
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Removes the folder with all copies. Call it when no plugin's code will run any more: a crash report could not name
  /// functions of a library whose file is gone.
  package func remove() { removeFolder(path) }
}

/// The file that is loaded for a plugin: a private copy, checked to be a library for this machine; or the file itself of
/// a library that is no plugin, which is neither copied nor read.
package struct PluginCopy: Sendable {
  package let file: PluginFile
  /// Nil if the file was not read.
  package let hash: SHA256?
  /// Nil if the file was not read.
  package let facts: LibraryFacts?
  package let generation: UInt64
  package let path: String
}
