import AmbitCore
import Foundation
import Glibc
import TestSupport
import Testing

@testable import AmbitPlugins

@Suite struct `Keeping last good copies` {
  private let folder: TemporaryFolder
  private let copies: PluginCopies
  private let file: PluginFile

  init() throws {
    folder = try TemporaryFolder()
    copies = try PluginCopies(in: folder.path)
    file = try FixtureLibrary.build("bare", in: folder)
  }

  private func open(of configuration: String? = nil) throws -> LastGoodCopies {
    try LastGoodCopies(
      of: configuration ?? folder.path, environment: ["STATE_DIRECTORY": "\(folder.path)/state:/other"], trust: .any)
  }

  private func hash(_ copies: LastGoodCopies, _ file: PluginFile) throws -> SHA256? {
    try copies.content(of: file, trust: .any, limit: .max)?.hash
  }

  @Test func `Another process finds the content of a file by the file's name`() throws {
    let copy = try copies.add(.settled(file))
    try open().keep(copy, as: file)
    #expect(try hash(open(), file) == copy.hash)
    #expect(try hash(open(), PluginFile(path: "/elsewhere/bare.so")) == copy.hash, "a folder of the next deploy")
    #expect(try hash(open(), PluginFile(path: "other.so")) == nil)
    #expect(try hash(open(), PluginFile(library: "bare.so", at: "bare.so")) == nil)
    #expect(try hash(open(of: "\(folder.path)/bare.so"), file) == nil, "another configuration's")
  }

  @Test func `A last good copy is kept again after somebody has removed the state folder`() throws {
    let copy = try copies.add(.settled(file))
    let lastGood = try open()
    try lastGood.keep(copy, as: file)
    #expect(lastGood.hasCopy(of: file))
    try FileManager.default.removeItem(atPath: "\(folder.path)/state")
    #expect(!lastGood.hasCopy(of: file))
    try lastGood.keep(copy, as: file)
    #expect(try hash(open(), file) == copy.hash)
    #expect(try FileManager.default.contentsOfDirectory(atPath: lastGood.path).contains("configuration"))
  }

  @Test func `No last good copy is kept in a folder that was made again and that others could change`() throws {
    let copy = try copies.add(.settled(file))
    let lastGood = try LastGoodCopies(
      of: folder.path, environment: ["STATE_DIRECTORY": "\(folder.path)/state"], trust: .owner)
    try FileManager.default.removeItem(atPath: "\(folder.path)/state")
    try FileManager.default.createDirectory(atPath: "\(folder.path)/state", withIntermediateDirectories: false)
    chmod("\(folder.path)/state", 0o777)
    let error = #expect(throws: LastGoodCopies.Unavailable.self) { try lastGood.keep(copy, as: file) }
    #expect(error?.description.contains("\(folder.path)/state") == true)
  }

  @Test func `A last good copy is found after a deployment has pointed a link to another folder`() throws {
    let copy = try copies.add(.settled(file))
    for release in ["1", "2"] { try folder.write("", to: "\(release)/host.conf") }
    symlink("1", "\(folder.path)/current")
    try open(of: "\(folder.path)/current/host.conf").keep(copy, as: file)
    unlink("\(folder.path)/current")
    symlink("2", "\(folder.path)/current")
    #expect(try hash(open(of: "\(folder.path)/current/host.conf"), file) == copy.hash)
  }

  @Test func `A last good copy replaces the one before, also if two hosts write one`() throws {
    let (one, other) = (try open(), try open())
    let old = try copies.add(.settled(file))
    try one.keep(old, as: file)
    try Data(contentsOf: URL(fileURLWithPath: file.path)).appended().write(to: URL(fileURLWithPath: file.path))
    let new = try copies.add(.settled(file))
    try other.keep(new, as: file)
    #expect(try hash(one, file) == new.hash)
    try one.keep(old, as: file)
    #expect(try hash(other, file) == old.hash)
    #expect(try libraries(one).count == 1)
  }

  @Test func `Last good copies of no file, and the remains of a writer that is gone, are removed`() throws {
    let kept = try open()
    try kept.keep(copies.add(.settled(file)), as: file)
    let running = ".abc.\(getpid()).new"
    for name in [".abc.999999999.new", running, "\(String(repeating: "0", count: 16)).00.so"] {
      try Data().write(to: URL(fileURLWithPath: "\(kept.path)/\(name)"))
    }
    kept.removeAll(but: [file])
    let names = try FileManager.default.contentsOfDirectory(atPath: kept.path)
    #expect(names.count == 3 && names.contains(running) && names.contains("configuration"))
    kept.removeAll(but: [])
    #expect(try libraries(kept).isEmpty)
  }

  private func libraries(_ copies: LastGoodCopies) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: copies.path).filter { $0.hasSuffix(".so") }
  }

  @Test(
    arguments: [
      (["STATE_DIRECTORY": "/a:/b", "HOME": "/h"], true, "/a"), (["STATE_DIRECTORY": ""], true, "/var/lib/ambit"),
      (["HOME": "/h", "XDG_STATE_HOME": "/x"], true, "/var/lib/ambit"),
      (["HOME": "/h", "XDG_STATE_HOME": "/x"], false, "/x/ambit"),
      (["HOME": "/h", "XDG_STATE_HOME": "x"], false, "/h/.local/state/ambit"), ([:], false, nil),
    ] as [([String: String], Bool, String?)])
  func `Last good copies are kept where the environment says`(
    environment: [String: String], isRoot: Bool, folder: String?
  ) {
    #expect(LastGoodCopies.stateFolder(environment, isRoot: isRoot) == folder)
  }
}

extension Data {
  /// The same library for the loader, and another one for its hash.
  fileprivate func appended() -> Data { self + Data([0]) }
}
