internal import AmbitSystem
internal import Synchronization

/// The folder of the private copies that a worker has loaded. While the worker lives, no host that starts removes it,
/// even if the process that made it was killed: the worker finishes what is in flight then, and a crash report needs the
/// files to name functions.
package final class SharedCopies: Sendable {
  private struct Held {
    let folder: String
    let lock: FolderLock
  }

  private let held = Mutex<Held?>(nil)

  package init() {}

  /// Holds the folder of a copy that is to be loaded. Does so again if somebody has removed the folder, and the process
  /// that made it has made it again.
  package func hold(folderOf copy: PluginCopy) {
    guard copy.isPrivate, let folder = PluginCopies.folder(ofFile: copy.path) else { return }
    held.withLock { held in
      if held?.folder == folder, held!.lock.isInPlace(in: folder) { return }
      held = (try? FolderLock(joining: folder)).map { Held(folder: folder, lock: $0) }
    }
  }

  /// Removes the folder if no other process uses it any more: for the end of a worker whose supervisor has ended before
  /// it. No code of plugins may run any more.
  package func removeIfLast() {
    held.withLock { held in
      guard let last = held, last.lock.isInPlace(in: last.folder), last.lock.leave() else { return }
      removeFolder(last.folder)
      held = nil
    }
  }
}
