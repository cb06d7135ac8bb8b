internal import AmbitRuntime
internal import CLinux
internal import Glibc

/// A shared library that knows nothing of this host, opened for its functions: not copied, and never closed.
package struct ForeignLibrary: Sendable {
  /// As the operator names it: a path, or a name that the loader searches for.
  let file: PluginFile
  /// Where the loader has found it.
  let path: String
  let handle: Unchecked<UnsafeMutableRawPointer>

  /// Opens the library by the loader's own search. Blocks while the loader works and the library's constructors run.
  /// - Parameters:
  ///   - name: what it is called in messages.
  ///   - path: what the loader is asked for.
  /// - Throws: what the loader says; `.notLoadable` if it cannot open the library.
  package init(_ name: String, at path: String) throws(PluginRefusal) {
    file = PluginFile(path: name)
    guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      let reason = dlerror().map { String(cString: $0) } ?? "the system's loader refused it without a reason"
      throw PluginRefusal(
        errors: [
          PluginError(
            code: .notLoadable, plugin: name, file: name,
            reason: reason.replacing("\(path): ", with: "", maxReplacements: 1))
        ])
    }
    self.handle = Unchecked(handle)
    self.path = clinux_library_path(handle).map { String(cString: $0) } ?? path
  }
}
