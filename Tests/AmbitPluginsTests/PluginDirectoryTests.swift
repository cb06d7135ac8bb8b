import AmbitPlugins
import AmbitSystem
import Foundation
import TestSupport
import Testing

@Suite struct `Listing the plugin directory` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `The libraries of the plugin directory are listed in the order of their names`() throws {
    for name in ["b.so", "a.so", "c.c", "readme", "so", ".hidden.so", "a.so.1", "b-2.so"] {
      try folder.write("", to: name)
    }
    let files = try PluginDirectory.list(folder.path)
    #expect(files.map(\.path) == ["a.so", "b-2.so", "b.so"].map { "\(folder.path)/\($0)" })
    #expect(files.map(\.stem) == ["a", "b-2", "b"])
  }

  @Test func `An empty plugin directory lists nothing`() throws {
    #expect(try PluginDirectory.list(folder.path).isEmpty)
  }

  @Test func `A file that cannot be read is listed, and refused later by its own name`() throws {
    try folder.write("", to: "folder.so/file")
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/dangling.so", withDestinationPath: "\(folder.path)/nowhere")
    #expect(try PluginDirectory.list(folder.path).map(\.stem) == ["dangling", "folder"])
  }

  @Test func `A plugin directory that does not exist is reported`() {
    let error = #expect(throws: FileError.self) { try PluginDirectory.list("\(folder.path)/none") }
    #expect(error?.description == "\(folder.path)/none: cannot list the folder: No such file or directory")
  }

  @Test func `A plugin directory that is a file is reported`() throws {
    let path = try folder.write("", to: "plugins")
    let error = #expect(throws: FileError.self) { try PluginDirectory.list(path) }
    #expect(error?.description == "\(path): cannot list the folder: Not a directory")
  }
}
