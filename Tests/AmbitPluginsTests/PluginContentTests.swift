import AmbitCore
import AmbitPlugins
import Foundation
import Testing

@Suite struct `Reading a plugin file` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func file(_ name: String) -> PluginFile { PluginFile(path: "\(folder.path)/\(name)") }

  private func reason(_ error: PluginRefusal?) -> String? { error?.errors.first?.reason }

  @Test func `identifies a file by its content alone`() throws {
    try folder.write("same", to: "a.so")
    try folder.write("same", to: "b.so")
    let (a, b) = (try PluginContent.settled(file("a.so")), try PluginContent.settled(file("b.so")))
    #expect(a.hash == b.hash)
    #expect(a.hash == SHA256(of: Array("same".utf8).span))
    try folder.write("else", to: "a.so")
    #expect(try PluginContent.settled(file("a.so")).hash != b.hash)
  }

  @Test func `does not wait for a file that nobody has changed for long`() throws {
    try folder.write("text", to: "a.so")
    try folder.setAge(10, of: "a.so")
    _ = try PluginContent(of: file("a.so")) { _ in Issue.record("waited") }
  }

  @Test func `waits until a fresh file has settled, and no longer than that`() throws {
    try folder.write("text", to: "a.so")
    var waits = [Duration]()
    _ = try PluginContent(of: file("a.so"), settle: .seconds(60)) { waits.append($0) }
    #expect(waits.count == 1)
    #expect(waits.allSatisfy { $0 > .zero && $0 <= .seconds(60) })
  }

  @Test func `does not wait longer for a file from the future`() throws {
    try folder.write("text", to: "a.so")
    try folder.setAge(-3600, of: "a.so")
    _ = try PluginContent(of: file("a.so")) { #expect($0 == .milliseconds(100)) }
  }

  @Test func `takes the later content of a file that changes once while it waits`() throws {
    try folder.write("half", to: "a.so")
    var waits = 0
    let content = try PluginContent(of: file("a.so"), settle: .seconds(60)) { _ in
      waits += 1
      if waits == 1 { _ = try? folder.write("the whole of it", to: "a.so") }
    }
    #expect(content.hash == SHA256(of: Array("the whole of it".utf8).span))
  }

  @Test func `takes the new file when the old one is replaced while it waits`() throws {
    try folder.write("old", to: "a.so")
    try folder.write("new", to: "new")
    let content = try PluginContent(of: file("a.so"), settle: .seconds(60)) { _ in
      rename("\(folder.path)/new", "\(folder.path)/a.so")
    }
    #expect(content.hash == SHA256(of: Array("new".utf8).span))
  }

  @Test func `refuses a file that is still being written`() throws {
    try folder.write("", to: "a.so")
    var text = ""
    let error = #expect(throws: PluginRefusal.self) {
      try PluginContent(of: file("a.so"), settle: .seconds(60)) { _ in
        text += "more"
        _ = try? folder.write(text, to: "a.so")
      }
    }
    #expect(error?.errors.map(\.code) == [.unsettled])
    #expect(reason(error) == "still being written: it changed twice while it was read")
  }

  @Test func `refuses a folder, a dangling link and a FIFO by their names`() throws {
    try folder.write("", to: "folder.so/file")
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/dangling.so", withDestinationPath: "\(folder.path)/nowhere")
    mkfifo("\(folder.path)/fifo.so", 0o600)
    let expected = [
      "folder.so": "expected a shared library, found a folder",
      "dangling.so": "cannot open it: No such file or directory",
      "fifo.so": "expected a shared library, found neither a file nor a folder",
    ]
    for (name, text) in expected {
      let error = #expect(throws: PluginRefusal.self) { try PluginContent(of: file(name)) }
      let stem = name.dropLast(3)
      #expect(error?.description == "plugin \(stem) (\(folder.path)/\(name)): \(text)")
      #expect(error?.errors.map(\.code) == [.unreadable])
    }
  }
}
