import AmbitCore
import AmbitPlugins
import Foundation
import TestSupport
import Testing

@Suite struct `Reading a plugin file` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Writes a file that looks like a library and ends with `text`.
  @discardableResult
  private func write(_ text: String, to name: String) throws -> SHA256 {
    let bytes = FixtureLibrary.image(endingWith: text)
    try folder.write(Data(bytes), to: name)
    return SHA256(of: bytes.span)
  }

  private func file(_ name: String) -> PluginFile { PluginFile(path: "\(folder.path)/\(name)") }

  private func reason(_ error: PluginError?) -> String? { error?.problems.first?.reason }

  @Test func `A plugin file is identified by its content alone`() throws {
    let hash = try write("same", to: "a.so")
    try write("same", to: "b.so")
    let (a, b) = (try PluginContent.settled(file("a.so")), try PluginContent.settled(file("b.so")))
    #expect(a.hash == b.hash)
    #expect(a.hash == hash)
    try write("else", to: "a.so")
    #expect(try PluginContent.settled(file("a.so")).hash != b.hash)
  }

  @Test func `A file that nobody has changed for long is read without a wait`() throws {
    try write("text", to: "a.so")
    try folder.setAge(10, of: "a.so")
    _ = try PluginContent(of: file("a.so")) { _ in Issue.record("waited") }
  }

  @Test func `A fresh file is read once it has settled, and no later`() throws {
    try write("text", to: "a.so")
    var waits = [Duration]()
    _ = try PluginContent(of: file("a.so"), settle: .seconds(60)) { waits.append($0) }
    #expect(waits.count == 1)
    #expect(waits.allSatisfy { $0 > .zero && $0 <= .seconds(60) })
  }

  @Test func `A file from the future is waited for no longer than others`() throws {
    try write("text", to: "a.so")
    try folder.setAge(-3600, of: "a.so")
    _ = try PluginContent(of: file("a.so")) { #expect($0 == .milliseconds(100)) }
  }

  @Test func `A file that changes once during the wait is read with its later content`() throws {
    try write("half", to: "a.so")
    var (waits, whole) = (0, SHA256?.none)
    let content = try PluginContent(of: file("a.so"), settle: .seconds(60)) { _ in
      waits += 1
      if waits == 1 { whole = try? write("the whole of it", to: "a.so") }
    }
    #expect(content.hash == whole)
  }

  @Test func `A file that is replaced during the wait is read from its new file`() throws {
    try write("old", to: "a.so")
    let new = try write("new", to: "new")
    let content = try PluginContent(of: file("a.so"), settle: .seconds(60)) { _ in
      rename("\(folder.path)/new", "\(folder.path)/a.so")
    }
    #expect(content.hash == new)
  }

  @Test func `A file that is still being written is refused`() throws {
    try folder.write("", to: "a.so")
    var text = ""
    let error = #expect(throws: PluginError.self) {
      try PluginContent(of: file("a.so"), settle: .seconds(60)) { _ in
        text += "more"
        _ = try? folder.write(text, to: "a.so")
      }
    }
    #expect(error?.problems.map(\.code) == [.unsettled])
    #expect(reason(error) == "still being written: it changed twice while it was read")
  }

  /// Hashing 4 GiB would take a minute, and holding them memory that this machine may not have.
  @Test func `A huge file that is no library, or is too large, is refused by its first bytes`() throws {
    let image = try Data(contentsOf: URL(fileURLWithPath: FixtureLibrary.build("bare", in: folder).path))
    let cases: [(name: String, head: Data, code: PluginProblem.Code, reason: String)] = [
      ("zeros.so", Data(), .notALibrary, "not a shared library: it does not begin with the ELF magic number"),
      ("half.so", image[..<64], .notALibrary, "not a shared library: it has no segment to load"),
      (
        "large.so", image, .tooLarge,
        "the file has 4294967296 bytes, at most 1073741824 are allowed; raise max_plugin_size if it is meant to be that large"
      ),
    ]
    for (name, head, code, reason) in cases {
      try folder.write(head, to: name)
      truncate("\(folder.path)/\(name)", 4 << 30)
      let error = #expect(throws: PluginError.self) { try PluginContent.settled(file(name)) }
      #expect(error?.problems.map(\.code) == [code], "\(name)")
      #expect(error?.problems.map(\.reason) == [reason])
    }
  }

  @Test func `A file of the largest size is read, and one that is a byte larger is refused`() throws {
    let hash = try write("text", to: "a.so")
    let size = FixtureLibrary.image(endingWith: "text").count
    #expect(try PluginContent(of: file("a.so"), settle: .zero, limit: size).hash == hash)
    let error = #expect(throws: PluginError.self) {
      try PluginContent(of: file("a.so"), settle: .zero, limit: size - 1)
    }
    #expect(error?.problems.map(\.code) == [.tooLarge])
  }

  @Test func `The first bytes of a file that is being written are not judged`() throws {
    try folder.write("", to: "a.so")
    var (waits, whole) = (0, SHA256?.none)
    let content = try PluginContent(of: file("a.so"), settle: .seconds(60)) { _ in
      waits += 1
      if waits == 1 { whole = try? write("the whole of it", to: "a.so") }
    }
    #expect(content.hash == whole)
  }

  @Test func `A folder, a dangling link and a FIFO are refused by their names`() throws {
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
      let error = #expect(throws: PluginError.self) { try PluginContent(of: file(name)) }
      let stem = name.dropLast(3)
      #expect(error?.description == "plugin \(stem) (\(folder.path)/\(name)): \(text)")
      #expect(error?.problems.map(\.code) == [.unreadable])
    }
  }
}
