import AmbitCore
import AmbitPlugins
import Foundation
import TestSupport
import Testing

/// Builds plugins of Tests/Fixtures as a plugin author would, by the compiler alone.
enum FixtureLibrary {
  /// Compiles the fixture into `folder` under its own name.
  static func build(_ fixture: String, in folder: TemporaryFolder) throws -> PluginFile {
    try compile(["-shared", Places.fixture(fixture).filePath], to: "\(folder.path)/\(fixture).so")
  }

  /// Compiles a source text as `NAME.so`.
  static func build(_ source: String, as name: String, in folder: TemporaryFolder) throws -> PluginFile {
    try compile(["-shared", folder.write(source, to: "\(name).c")], to: "\(folder.path)/\(name).so")
  }

  /// The bytes of a file that passes for a library as far as its headers tell: one segment, no section table, then
  /// `text`.
  static func image(endingWith text: String) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 120)
    func put(_ value: some FixedWidthInteger, at offset: Int) {
      withUnsafeBytes(of: value.littleEndian) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
    }
    bytes.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
    put(UInt16(3), at: 16)
    put(ELF.Machine.host.rawValue, at: 18)
    put(UInt64(64), at: 32)
    put(UInt16(56), at: 54)
    put(UInt16(1), at: 56)
    put(UInt32(1), at: 64)
    put(UInt64(120), at: 96)
    return bytes + text.utf8
  }

  /// Runs the compiler with `arguments`.
  static func compile(_ arguments: [String], to path: String, with compiler: String = "cc") throws -> PluginFile {
    try Compiler(compiler).compile(["-fPIC", "-I", Places.headers.filePath, "-o", path] + arguments)
    return PluginFile(path: path)
  }
}

extension Places {
  /// The text of ambit.h.
  static func header() throws -> String {
    try String(contentsOf: headers.appending(path: "ambit.h"), encoding: .utf8)
  }
}

extension TemporaryFolder {
  /// Sets the time of the last change to `age` seconds ago.
  func setAge(_ age: TimeInterval, of name: String) throws {
    let attributes = [FileAttributeKey.modificationDate: Date(timeIntervalSinceNow: -age)]
    try FileManager.default.setAttributes(attributes, ofItemAtPath: path(of: name))
  }
}

extension PluginContent {
  /// The content of a file that the test has finished writing.
  static func settled(_ file: PluginFile) throws -> PluginContent { try PluginContent(of: file, settle: .zero) }

  /// What the library says of itself, read from a copy in a folder that is gone afterwards.
  func facts() throws -> LibraryFacts {
    let folder = try TemporaryFolder()
    return try PluginCopies(in: folder.path).copy(self).facts
  }
}
