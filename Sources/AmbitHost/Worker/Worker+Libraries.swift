internal import AmbitPlugins

// What the system's loader of this process has. The process that plans has loaded nothing, so the repository asks the
// worker. The answers are values that name files, which are the same in every process.

extension Worker {
  /// Finds the file of a library of configured routes. Blocks for at most `limit`.
  /// - Parameters:
  ///   - name: its name in messages.
  ///   - path: a path, or a name without a slash that the loader searches for.
  ///   - copies: the folder of the host's private copies.
  /// - Throws: if there is no such library, or the loader is busy.
  func findLibrary(
    _ name: String, at path: String, besides copies: String, within limit: Duration
  ) throws(PluginError) -> FoundLibrary {
    try loader.load(PluginFile(library: name, at: path), of: name, within: limit) { () throws(PluginError) in
      try FoundLibrary(name, at: path, besides: copies)
    }
  }

  /// The library that is loaded under a name; nil if there is none. Blocks for at most `limit`.
  /// - Parameters:
  ///   - name: the name that a plugin or a library is linked with.
  ///   - file: the operator's file that belongs to the name; nil if the loader is to find it.
  ///   - copies: the folder of the host's private copies.
  /// - Throws: if the loader is busy.
  func loadedLibrary(
    _ name: String, file: String?, besides copies: String, within limit: Duration
  ) throws(PluginError) -> LoadedLibrary? {
    try loader.load(PluginFile(library: name, at: name), of: name, within: limit) { () throws(PluginError) in
      LoadedLibrary(name, file: file, besides: copies)
    }
  }

  /// Whether a library is being loaded: then the loader answers no question, and nothing else can be loaded. From any
  /// thread; does not wait.
  var isLoaderBusy: Bool { loader.isBusy }
}
