import AmbitSystem
import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct `Folders on disk` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func `A folder is abandoned when its lock is gone, and not before`() throws {
    let path = folder.path(of: "locked")
    try Paths.makeFolder(path, mode: 0o700)
    var lock: FolderLock? = try FolderLock(path)
    #expect(!FolderLock.isAbandoned(path))
    withExtendedLifetime(lock) {}
    lock = nil
    #expect(FolderLock.isAbandoned(path))
    #expect(!FolderLock.isAbandoned(folder.path(of: "missing")))
  }

  @Test func `A folder that several processes hold is abandoned when the last of them has ended`() throws {
    let path = folder.path(of: "shared")
    try Paths.makeFolder(path, mode: 0o700)
    var first: FolderLock? = try FolderLock(path)
    var second: FolderLock? = try FolderLock(joining: path)
    #expect(second?.leave() == false, "the first one holds it")
    second = try FolderLock(joining: path)
    first = nil
    #expect(first == nil && !FolderLock.isAbandoned(path))
    #expect(second?.leave() == true)
    #expect(throws: FileError.self, "nobody joins a folder that its last user removes") {
      try FolderLock(joining: path)
    }
    second = nil
    #expect(FolderLock.isAbandoned(path))
  }

  @Test func `A link is never an abandoned folder, since what it leads to may be anybody's`() throws {
    try folder.write("", to: "precious/lock")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path(of: "link"), withDestinationPath: folder.path(of: "precious"))
    #expect(FolderLock.isAbandoned(folder.path(of: "precious")))
    #expect(!FolderLock.isAbandoned(folder.path(of: "link")))
  }

  @Test(arguments: ["größe.so", "plain.so", "日本語.so", "e\u{301}.so"])
  func `A file is replaced in its folder, whatever its name is`(name: String) throws {
    let path = try folder.write("old", to: name)
    let isReplaced = try replaceFile(path) { (temporary) throws(FileError) in
      try OpenFile(creating: temporary, mode: 0o644).write(Array("new".utf8))
      return true
    }
    #expect(isReplaced)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
    #expect(try namesInFolder(folder.path) == [name])
  }

  @Test(arguments: ["so", "build"]) func `The temporary name of a file with a long name ends like the file's`(
    suffix: String
  ) throws {
    let path = folder.path(of: "\(String(repeating: "n", count: 240)).\(suffix)")
    let isReplaced = try replaceFile(path) { (temporary) throws(FileError) in
      #expect(temporary.hasSuffix("n.\(suffix).\(getpid()).new"))
      return false
    }
    #expect(!isReplaced)
  }
}
