package import AmbitConfig
internal import AmbitSystem

/// Where the host's configuration comes from: a file, or nowhere, which means the defaults.
package struct ConfigurationSource: Sendable {
  /// As the operator named it; nil if there is none.
  package let path: String?

  /// What messages call it.
  package var name: String { path ?? "defaults" }

  /// The file that was named; without a name `host.conf` in the working directory, if there is one.
  package init(named path: String?) {
    let usual = "host.conf"
    self.path = path ?? (Paths.exists(usual) ? usual : nil)
  }

  /// Reads and checks the file once more, while the host runs on what it said before. Blocks.
  /// - Throws: as `read`, and of a file that gave all it had the first time: its next text would be an empty one, which
  ///   means the defaults.
  func readAgain() throws(HostError) -> HostConfiguration {
    if isStream, let path {
      throw HostError([
        "\(path): cannot be read again, as it is no regular file but a pipe or the like, which the start has read to its "
          + "end; for reloads start the host with a file that stays (-c FILE)"
      ])
    }
    return try read()
  }

  /// Reads and checks the file. Blocks.
  /// - Throws: a failure with the exit status for faults of the configuration.
  package func read() throws(HostError) -> HostConfiguration {
    guard let path else { return .defaults }
    let text: String
    do throws(SystemError) { text = try TextFile.read(path) } catch {
      throw error.isOfContent ? HostError.configuration(error) : HostError(error)
    }
    do throws(ConfigurationErrors) {
      return try HostConfiguration.parse(text: text, file: path)
    } catch {
      throw HostError.configuration(error)
    }
  }

  /// The file is a pipe or the like, which gives its text once.
  var isStream: Bool { path.map(TextFile.isStream) ?? false }

  /// The path of the admin socket that `configuration` of this source names; nil for none.
  func adminPath(in configuration: HostConfiguration) -> String? { configuration.admin.map(resolve) }

  /// A path of the configuration, which is meant relative to the folder of its file.
  func resolve(_ name: String) -> String {
    guard !name.hasPrefix("/"), let path, let slash = path.lastIndex(of: "/") else { return name }
    return "\(path[...slash])\(name)"
  }

  /// What the system's loader would be asked for a library of routes: a name that it searches for, or a path.
  func resolveLibrary(_ name: String) -> String { name.contains("/") ? resolve(name) : name }
}
