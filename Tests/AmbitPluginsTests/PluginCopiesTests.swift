import AmbitCore
import AmbitPlugins
import AmbitSystem
import Foundation
import TestSupport
import Testing

@Suite struct `Copying a plugin` {
  private let folder: TemporaryFolder
  private let copies: PluginCopies

  init() throws {
    folder = try TemporaryFolder()
    copies = try PluginCopies(in: folder.path)
  }

  private func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  private func copiedFiles() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: copies.path).filter { $0 != "lock" }
  }

  @Test func `A copy keeps the whole file under a name of its own, for this user alone`() throws {
    let file = try FixtureLibrary.build("bare", in: folder)
    let content = try PluginContent.settled(file)
    let copy = try copies.add(content)
    #expect(copy.path.hasPrefix("\(copies.path)/bare.new-"))
    #expect(FileManager.default.contentsEqual(atPath: file.path, andPath: copy.path))
    #expect(try mode(copy.path) == 0o700)
    #expect(try mode(copies.path) == 0o700)
  }

  @Test func `Copies for processes of other users can be read and found by their names, those made before as well`()
    throws
  {
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    let before = try copies.add(content)
    copies.share()
    let after = try copies.add(content)
    #expect(try mode(copies.path) == 0o711 && mode("\(copies.path)/lock") == 0o644)
    #expect(try mode(before.path) == 0o644 && mode(after.path) == 0o644)
    #expect(throws: Never.self) { try FolderLock(joining: copies.path) }
    try FileManager.default.removeItem(atPath: copies.path)
    #expect(try copies.restore())
    #expect(try mode(copies.path) == 0o711 && mode("\(copies.path)/lock") == 0o644)
  }

  @Test func `A copy has a name of its own, and later that of its plugin, generation and build`() throws {
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    let (first, second) = (try copies.add(content), try copies.add(content))
    #expect(first.path != second.path)
    let named = try copies.name(second, plugin: "bare", generation: 7)
    let build = (named.buildID ?? content.hash.description).prefix(12)
    #expect(named.path == "\(copies.path)/bare.7.\(build).so")
    #expect(FileManager.default.contentsEqual(atPath: content.file.path, andPath: named.path))
    copies.discard(first)
    #expect(try copiedFiles() == ["bare.7.\(build).so"])
  }

  @Test func `Folders of hosts that are gone are removed, and no others`() throws {
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    let gone = "\(folder.path)/ambit-host-gone01"
    let strange = "\(folder.path)/ambit-host-notes"
    try folder.write("", to: "ambit-host-gone01/lock")
    try folder.write("", to: "ambit-host-gone01/bare.1.so")
    try folder.write("mine", to: "ambit-host-notes/text")
    let copy = try copies.add(content)
    let next = try PluginCopies(in: folder.path)
    #expect(!FileManager.default.fileExists(atPath: gone))
    #expect(FileManager.default.fileExists(atPath: strange + "/text"))
    #expect(FileManager.default.fileExists(atPath: copy.path), "a living host's")
    next.remove()
  }

  @Test func `The folder of a host that was killed stays while a worker uses it, and is removed afterwards`() throws {
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    var killed: PluginCopies? = try PluginCopies(in: folder.path)
    let path = try #require(killed?.path)
    var worker: SharedCopies? = SharedCopies()
    worker?.hold(folderOf: try #require(try killed?.add(content)))
    killed = nil
    let next = try PluginCopies(in: folder.path)
    #expect(killed == nil && FileManager.default.fileExists(atPath: path), "its worker lives")
    withExtendedLifetime(worker) {}
    worker = nil
    expectRemoval(of: path) { next.removeAbandoned() }
    #expect(FileManager.default.fileExists(atPath: next.path))
  }

  @Test func `The last worker of a host that was killed removes the folder`() throws {
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    var killed: PluginCopies? = try PluginCopies(in: folder.path)
    let path = try #require(killed?.path)
    let workers = [SharedCopies(), SharedCopies()]
    for worker in workers { worker.hold(folderOf: try #require(try killed?.add(content))) }
    workers[0].removeIfLast()
    #expect(FileManager.default.fileExists(atPath: path))
    withExtendedLifetime(killed) {}
    killed = nil
    #expect(killed == nil)
    expectRemoval(of: path) { workers[1].removeIfLast() }
  }

  /// Tries to remove a folder until it is gone. A process that another test starts meanwhile has a copy of the lock's
  /// descriptor until it is another program.
  private func expectRemoval(of path: String, _ attempt: () -> Void) {
    eventuallyBlocking(until: { !$0 }) {
      attempt()
      return FileManager.default.fileExists(atPath: path)
    }
  }

  @Test func `A worker holds a folder again that somebody has removed and the host has made again`() throws {
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    var host: PluginCopies? = try PluginCopies(in: folder.path)
    let path = try #require(host?.path)
    let worker = SharedCopies()
    worker.hold(folderOf: try #require(try host?.add(content)))
    try FileManager.default.removeItem(atPath: path)
    #expect(try host?.restore() == true)
    worker.hold(folderOf: try #require(try host?.add(content)))
    host = nil
    let next = try PluginCopies(in: folder.path)
    #expect(host == nil && FileManager.default.fileExists(atPath: path))
    worker.removeIfLast()
    #expect(!FileManager.default.fileExists(atPath: path))
    next.remove()
  }

  @Test func `A file that is cut short is not copied, at whatever length`() throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: FixtureLibrary.build("bare", in: folder).path))
    for length in stride(from: 0, to: whole.count, by: 97) + [whole.count - 1] {
      let cut = PluginFile(path: try folder.write(whole.prefix(length), to: "cut.so"))
      let error = #expect(throws: PluginError.self) { try copies.add(.settled(cut)) }
      #expect(error?.problems.map(\.code) == [.notALibrary])
    }
    #expect(try copiedFiles().isEmpty)
  }

  @Test func `A file that has changed since it was read is not copied, and leaves nothing`() throws {
    let file = try FixtureLibrary.build("bare", in: folder)
    let whole = try Data(contentsOf: URL(fileURLWithPath: file.path))
    for other in [whole + Data([0]), whole.dropLast(), whole.dropLast() + Data([1])] {
      try folder.write(whole, to: "bare.so")
      let content = try PluginContent.settled(file)
      try overwrite(file, with: other)
      let error = #expect(throws: PluginError.self) { try copies.add(content) }
      #expect(error?.problems.map(\.code) == [.unsettled])
      #expect(error?.problems.first?.reason == "still being written: it changed while it was copied")
    }
    #expect(try copiedFiles().isEmpty)
  }

  /// In place, as `cp` does.
  private func overwrite(_ file: PluginFile, with bytes: Data) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: file.path))
    try handle.truncate(atOffset: 0)
    try handle.write(contentsOf: bytes)
    try handle.close()
  }

  @Test func `A file that was read is copied, although another one has its name by now`() throws {
    let file = try FixtureLibrary.build("bare", in: folder)
    let content = try PluginContent.settled(file)
    try folder.write("another", to: "another")
    rename("\(folder.path)/another", file.path)
    let bytes = try Array(Data(contentsOf: URL(fileURLWithPath: copies.add(content).path)))
    let hash = SHA256(of: bytes.span)
    #expect(hash == content.hash)
  }

  @Test func `Shared libraries are copied, and nothing else`() throws {
    let source = try folder.write("int main(void) { return 0; }", to: "program.c")
    let object = try FixtureLibrary.compile(["-c", source], to: "\(folder.path)/object.so")
    let text = PluginFile(path: try folder.write("#!/bin/sh\nexit 0\n", to: "text.so"))
    for (file, kind) in [(object, "an object file"), (text, "a script")] {
      let error = #expect(throws: PluginError.self) { try copies.add(.settled(file)) }
      #expect(error?.description.contains(kind) == true)
    }
    #expect(try copiedFiles().isEmpty)
  }

  @Test func `The folder is removed with all copies`() throws {
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    for _ in 1...3 { _ = try copies.add(content) }
    copies.remove()
    #expect(!FileManager.default.fileExists(atPath: copies.path))
  }

  @Test func `The folder is made again if somebody has removed it, or its lock, and never hands out a path twice`()
    throws
  {
    #expect(try !copies.restore())
    let content = try PluginContent.settled(FixtureLibrary.build("bare", in: folder))
    let first = try copies.name(copies.add(content), plugin: "bare", generation: 1)
    try FileManager.default.removeItem(atPath: copies.path)
    #expect(try copies.restore())
    #expect(try mode(copies.path) == 0o700)
    let second = try copies.name(copies.add(content), plugin: "bare", generation: 1)
    #expect(second.path != first.path, "the loader would take it for the one that is mapped")
    try FileManager.default.removeItem(atPath: "\(copies.path)/lock")
    #expect(try copies.restore())
    #expect(FileManager.default.fileExists(atPath: second.path))
    let next = try PluginCopies(in: folder.path)
    #expect(FileManager.default.fileExists(atPath: second.path), "it has its lock again")
    next.remove()
  }

  @Test(arguments: ["a", "\u{e9}"]) func `A file is copied whose name is as long as names can be`(letter: String) throws
  {
    let name = String(repeating: letter, count: 250 / letter.utf8.count) + ".so"
    let bare = try FixtureLibrary.build("bare", in: folder)
    let file = PluginFile(path: folder.path(of: name))
    try FileManager.default.moveItem(atPath: bare.path, toPath: file.path)
    let copy = try copies.add(.settled(file))
    #expect(FileManager.default.contentsEqual(atPath: file.path, andPath: copy.path))
    #expect(try copies.name(copy, plugin: name, generation: 1).path.utf8.count > 180)
  }

  @Test func `An error names the place where no folder could be made`() {
    let error = #expect(throws: FileError.self) { try PluginCopies(in: "\(folder.path)/none") }
    #expect(
      error?.description
        == "\(folder.path)/none: cannot make a private folder in it: No such file or directory")
  }
}
