import AmbitCore
import AmbitPlugins
import Foundation
import Testing

/// Where the sources of the package lie.
enum Package {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let includes = root.appendingPathComponent("Sources/CAmbit/include").path

  static func header() throws -> String { try String(contentsOfFile: "\(includes)/ambit.h", encoding: .utf8) }
}

/// Builds plugins of Tests/Fixtures as a plugin author would, by the compiler alone.
enum FixtureLibrary {
  /// Compiles the fixture into `folder` under its own name.
  static func build(_ fixture: String, in folder: TemporaryFolder) throws -> PluginFile {
    let source = Package.root.appendingPathComponent("Tests/Fixtures/\(fixture)/\(fixture).c").path
    return try compile(["-shared", source], to: "\(folder.path)/\(fixture).so")
  }

  /// Compiles a source text as `NAME.so`.
  static func build(_ source: String, as name: String, in folder: TemporaryFolder) throws -> PluginFile {
    try compile(["-shared", folder.write(source, to: "\(name).c")], to: "\(folder.path)/\(name).so")
  }

  /// Runs the compiler with `arguments`.
  static func compile(_ arguments: [String], to path: String, with compiler: String = "cc") throws -> PluginFile {
    let command = Process()
    command.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    command.arguments = [compiler, "-fPIC", "-I", Package.includes, "-o", path] + arguments
    try command.run()
    command.waitUntilExit()
    try #require(command.terminationStatus == 0)
    return PluginFile(path: path)
  }
}

extension PluginContent {
  /// The content of a file that the test has finished writing.
  static func settled(_ file: PluginFile) throws -> PluginContent { try PluginContent(of: file, settle: .zero) }
}
