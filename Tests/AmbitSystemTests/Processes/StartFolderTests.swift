import Foundation
import TestSupport
import Testing

@testable import AmbitSystem

@Suite struct `The folder of the start` {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.path(of: "a/b"), withIntermediateDirectories: true)
    symlink("a/b", folder.path(of: "link"))
  }

  @Test func `A name counts only if it is absolute and leads to the working folder`() {
    let own = Paths.workingFolder
    #expect(Paths.folder(named: own) == own)
    #expect(Paths.folder(named: folder.path) == nil)
    #expect(Paths.folder(named: "\(own ?? "")/.") == nil)
    for name in [nil, "", ".", "relative", "/does/not/exist"] { #expect(Paths.folder(named: name) == nil) }
  }

  @Test func `A path is made absolute without links being resolved`() {
    let start = Paths.startFolder
    #expect(start.hasPrefix("/"))
    #expect(Paths.absolute("x/./y//z/") == "\(start)/x/y/z")
    #expect(Paths.absolute("./") == start)
    #expect(Paths.absolute("/") == "/")
    #expect(Paths.absolute("\(folder.path)//a/./x") == folder.path(of: "a/x"))
    #expect(Paths.absolute("\(folder.path)/link/x") == folder.path(of: "link/x"))
  }

  @Test func `Two dots are resolved behind a folder, and stay behind a link, which may lead elsewhere later`() {
    #expect(Paths.absolute("\(folder.path)/a/b/../x") == folder.path(of: "a/x"))
    #expect(Paths.absolute("\(folder.path)/link/../x") == folder.path(of: "link/../x"))
    #expect(Paths.absolute("/../x") == "/x")
  }

  @Test(arguments: [("a", 300, 180), ("\u{e9}", 100, 180), ("a", 10, 10)])
  func `A name is shortened at the end of a character`(letter: String, count: Int, bytes: Int) {
    let short = Paths.shortened(String(repeating: letter, count: count))
    #expect(short.utf8.count == bytes && short.allSatisfy { String($0) == letter })
  }
}
