import CAmbit
import Glibc

/// A plugin whose library is mapped and whose entry was checked. No code of the plugin but its library's constructors
/// has run.
///
/// The handle is never closed, so every pointer read from the library stays good for the life of the process. That is
/// on purpose: threads, thread-local destructors, exit functions and language runtimes of the plugin point into the
/// library, and none of them can be found and counted from outside. It also holds for a library whose entry is refused,
/// because its constructors have run by then.
package final class LoadedPlugin: Sendable {
  package let copy: PluginCopy
  package let declaration: PluginDeclaration

  /// Maps the copy and checks its entry. Blocks while the loader works and the library's constructors run.
  /// - Throws: every reason against the plugin that could be found at once.
  package init(_ copy: PluginCopy, support: LoadSupport) throws(PluginRefusal) {
    self.copy = copy
    let entry = try Self.entry(of: copy)
    try EntryHeaderCheck.check(EntryReader.header(of: entry), of: copy.file)
    let image = EntryReader.image(of: entry)
    declaration = try EntryCheck.declaration(of: image, in: copy.file, support: support)
  }

  /// Binds everything now, so that a missing symbol is known here and not at the first request; keeps the library's
  /// symbols to itself, since a later version would otherwise be bound to those of an earlier one.
  private static func entry(of copy: PluginCopy) throws(PluginRefusal) -> UnsafeRawPointer {
    guard let handle = dlopen(copy.path, RTLD_NOW | RTLD_LOCAL) else {
      throw PluginRefusal(.notLoadable, copy.file, loaderMessage(about: copy))
    }
    guard let entry = dlsym(handle, AMBIT_PLUGIN_SYMBOL) else {
      let reason = "no symbol \(AMBIT_PLUGIN_SYMBOL) in the library; is it defined with AMBIT_EXPORT?"
      throw PluginRefusal(.noEntry, copy.file, reason)
    }
    return UnsafeRawPointer(entry)
  }

  /// What the loader says, about the operator's file instead of the copy.
  private static func loaderMessage(about copy: PluginCopy) -> String {
    guard let text = dlerror() else { return "the system's loader refused it without a reason" }
    return String(cString: text).replacing("\(copy.path): ", with: "").replacing(copy.path, with: copy.file.path)
  }
}
