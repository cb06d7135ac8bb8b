/// A plugin's file as the operator knows it. The host never loads this file itself, only a private copy.
package struct PluginFile: Hashable, Sendable {
  /// As it was configured and listed, so that messages show what the operator wrote.
  package let path: String

  package init(path: String) { self.path = path }

  /// "echo" for "Plugins/echo.so": names the plugin as long as its entry has not been read.
  package var stem: String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return name.hasSuffix(".so") ? String(name.dropLast(3)) : name
  }
}
