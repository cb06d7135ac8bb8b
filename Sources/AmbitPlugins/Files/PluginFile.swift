package import AmbitSystem

/// The operator's file of a plugin, or of a library that `host.conf` makes routes of. The host loads a private copy of
/// it, unless the library is used in place.
package struct PluginFile: Hashable, Codable, Sendable {
  /// The path as the operator wrote it, for messages.
  package let path: String
  /// The path that the system finds it by: absolute, since a plugin may change the working folder.
  package let location: String
  /// Whether it is a library that is no plugin. Such a library has no other name than `path`.
  package let isLibrary: Bool

  /// The file of a plugin.
  package init(path: String) { self.init(path: path, location: Paths.absolute(path), isLibrary: false) }

  /// The file of a library that `host.conf` calls `name`.
  package init(library name: String, at location: String) {
    self.init(path: name, location: location, isLibrary: true)
  }

  init(path: String, location: String, isLibrary: Bool) {
    self.path = path
    self.location = location
    self.isLibrary = isLibrary
  }

  /// The name of the plugin in messages until its entry has been read: "echo" for "Plugins/echo.so". For a library: its
  /// whole path.
  package var stem: String {
    guard !isLibrary else { return path }
    return lastName.hasSuffix(".so") ? String(lastName.dropLast(3)) : lastName
  }

  /// "libz.so.1" for "./lib/libz.so.1".
  package var lastName: String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// The folder in which the operator puts plugins.
package enum PluginDirectory {
  /// Lists each `NAME.so` in the folder at `path`, sorted by name, without hidden files. Files of any kind are listed:
  /// one that cannot be read is refused when it is read, under its own name.
  /// - Parameter location: The absolute path of the folder; nil: `path` made absolute.
  package static func list(_ path: String, at location: String? = nil) throws(FileError) -> [PluginFile] {
    let location = location ?? Paths.absolute(path)
    return try namesInFolder(location)
      .filter { $0.hasSuffix(".so") && !$0.hasPrefix(".") }
      .map { PluginFile(path: file($0, in: path), location: file($0, in: location), isLibrary: false) }
  }

  private static func file(_ name: String, in folder: String) -> String {
    folder == "/" ? "/\(name)" : "\(folder)/\(name)"
  }
}
