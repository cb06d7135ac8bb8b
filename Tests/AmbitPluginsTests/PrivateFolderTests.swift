import Foundation
import TestSupport
import Testing

@testable import AmbitPlugins

@Suite struct `The folder of private copies` {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    chmod(folder.path, 0o755)
  }

  @Test(
    arguments: [
      (["RUNTIME_DIRECTORY": "/r:/s", "CACHE_DIRECTORY": "/c:/d", "HOME": "/h"], ["/r", "/c", "/tmp"]),
      (["XDG_CACHE_HOME": "/x", "HOME": "/h", "TMPDIR": "/t"], ["/x/ambit", "/t", "/tmp"]),
      (["XDG_CACHE_HOME": "x", "HOME": "/h", "TMPDIR": "/tmp"], ["/h/.cache/ambit", "/tmp"]),
      (["RUNTIME_DIRECTORY": "", "CACHE_DIRECTORY": "", "TMPDIR": "", "HOME": "h"], ["/tmp"]), ([:], ["/tmp"]),
    ] as [([String: String], [String])])
  func `The folders that may be chosen are in the order of the environment's variables`(
    environment: [String: String], paths: [String]
  ) {
    #expect(PrivateFolder.candidates(environment).map(\.path) == paths)
  }

  @Test func `The first usable folder is chosen, and the notice says why no better one is`() throws {
    try folder.write("", to: "file")
    let environment = [
      "RUNTIME_DIRECTORY": folder.path(of: "file"), "CACHE_DIRECTORY": folder.path(of: "new/cache"), "TMPDIR": "/proc",
    ]
    let opened = try PrivateFolder.open(nil, environment: environment, trust: .any)
    defer { opened.copies.remove() }
    #expect(opened.copies.path.hasPrefix(folder.path(of: "new/cache/ambit-host-")))
    let reason = "\(folder.path(of: "file")): cannot make a private folder in it: Not a directory (RUNTIME_DIRECTORY)"
    #expect(opened.notice == "private copies of plugins lie in \(opened.copies.path), because \(reason)")
    let first = try PrivateFolder.open(nil, environment: ["CACHE_DIRECTORY": folder.path], trust: .any)
    #expect(first.notice == nil)
    first.copies.remove()
  }

  @Test func `A folder that the operator has chosen is used, or refused`() throws {
    #expect(throws: PrivateFolder.Unavailable.self) {
      try PrivateFolder.open("\(folder.path)/none", environment: [:], trust: .any)
    }
    chmod(folder.path, 0o757)
    let error = #expect(throws: PrivateFolder.Unavailable.self) {
      try PrivateFolder.open(folder.path, environment: [:], trust: .owner)
    }
    #expect(error?.description.hasPrefix("private: \(folder.path) can be written by everybody (mode 757)") == true)
  }
}
