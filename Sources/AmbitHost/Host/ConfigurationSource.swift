package import AmbitConfig
internal import AmbitSystem

/// Where the host's configuration comes from: a file, or nowhere, which means the defaults.
package struct ConfigurationSource: Sendable {
  /// The path as the operator wrote it, for messages; nil if there is no file.
  package let path: String?
  /// The absolute path. Without a file: the path that the file would have.
  ///
  /// Links on the way are not resolved: a reload reads the file to which the path leads then.
  package let location: String

  /// Its name in messages.
  package var name: String { path ?? "defaults" }

  /// The name of the file that is read if none is named.
  static var usualName: String { "host.conf" }

  /// - Parameter path: the file; nil for `host.conf` in the working directory, or the defaults if there is none.
  package init(named path: String?) {
    let usual = Self.usualName
    location = Paths.absolute(path ?? usual)
    self.path = path ?? (Paths.exists(location) ? usual : nil)
  }

  /// Reads the file again for a reload. Blocks.
  /// - Throws: as `text`. Also if the file is a pipe or the like: it would be empty now, which means the defaults.
  func textAgain() throws(HostError) -> ConfigurationText {
    if isStream {
      throw HostError([
        "\(name): cannot be read again: expected a regular file, found a pipe or the like, which can be read only "
          + "once; for reloads start the host with a regular file (-c FILE)"
      ])
    }
    return try text()
  }

  /// Reads and checks the file. Blocks.
  /// - Throws: an error whose exit status says that the configuration is at fault.
  package func read() throws(HostError) -> HostConfiguration { try text().parse() }

  /// Reads the file. Blocks. Without a file the text is empty, which means the defaults.
  package func text() throws(HostError) -> ConfigurationText {
    guard let path else { return ConfigurationText(bytes: [], name: name) }
    do throws(SystemError) {
      return ConfigurationText(bytes: try TextFile.bytes(location), name: path)
    } catch {
      throw error.isOfContent ? HostError.configuration(error) : HostError(error)
    }
  }

  /// The file is a pipe or the like, which gives its text only once.
  var isStream: Bool { path != nil && TextFile.isStream(location) }

  /// The folder of the file, an absolute path.
  var folder: String { Paths.folder(of: location) }

  /// The absolute path for a path of the configuration: relative paths are relative to the folder of the file.
  func resolve(_ name: String) -> String { Paths.absolute(name.hasPrefix("/") ? name : "\(folder)/\(name)") }

  /// A path of the configuration for messages, beginning as the operator wrote the path of the file.
  func shown(_ name: String) -> String {
    guard !name.hasPrefix("/"), let path, let slash = path.lastIndex(of: "/") else { return name }
    return "\(path[...slash])\(name)"
  }

  /// Resolves a library of configured routes: a path, or a name that the system's loader searches for.
  func resolveLibrary(_ name: String) -> String { name.contains("/") ? resolve(name) : name }
}
