package import AmbitSystem

/// A plugin's file, or that of a library of routes, as the operator knows it. The host loads a private copy of it, unless
/// the library is one that is used in place.
package struct PluginFile: Hashable, Sendable {
  /// As it was configured and listed, so that messages show what the operator wrote.
  package let path: String
  /// Where the system finds it, relative to the working directory if not absolute.
  package let location: String
  /// It is no plugin: `host.conf` makes routes of its functions, and it has no other name than `path`.
  package let isLibrary: Bool

  /// A plugin's.
  package init(path: String) { self.init(path: path, location: path, isLibrary: false) }

  /// That of a library, which `host.conf` calls `name`.
  package init(library name: String, at location: String) {
    self.init(path: name, location: location, isLibrary: true)
  }

  init(path: String, location: String, isLibrary: Bool) {
    self.path = path
    self.location = location
    self.isLibrary = isLibrary
  }

  /// Names the plugin in messages as long as its entry has not been read: "echo" for "Plugins/echo.so". A library has
  /// its whole name all the time.
  package var stem: String {
    guard !isLibrary else { return path }
    return lastName.hasSuffix(".so") ? String(lastName.dropLast(3)) : lastName
  }

  /// "libz.so.1" for "./lib/libz.so.1".
  package var lastName: String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// The folder in which the operator puts plugins.
package enum PluginDirectory {
  /// Each `NAME.so` in the folder at `path`, sorted by name, whatever kind of file it is: an entry that cannot be read is
  /// refused when it is read, by its own name, and does not keep the others from being listed. Hidden files are left out.
  package static func list(_ path: String) throws(FileError) -> [PluginFile] {
    try namesInFolder(path)
      .filter { $0.hasSuffix(".so") && !$0.hasPrefix(".") }
      .map { PluginFile(path: path == "/" ? "/\($0)" : "\(path)/\($0)") }
  }
}
