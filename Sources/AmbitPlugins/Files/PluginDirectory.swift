package import AmbitSystem

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
