import Foundation
import TestSupport
import Testing

/// `ambit build`: from folders of sources to plugins.
@Suite struct `Building plugins` {
  @Test func `build makes a plugin of each folder with sources, and only of folders that are out of date`() async throws
  {
    try await withSamples(["hello/hello.c", "counter/counter.cpp"]) { directory in
      let first = try await ambit("build", directory.filePath)
      #expect(first.status == .exited(0), "\(first.errors)")
      let built = try inodes(in: directory)
      #expect(Set(built.keys) == ["hello.so", "counter.so"])

      #expect(try await ambit("build", directory.filePath).status == .exited(0))
      #expect(try inodes(in: directory) == built)

      let later = Date(timeIntervalSinceNow: 10)
      let source = directory.appending(path: "hello/hello.c")
      try FileManager.default.setAttributes([.modificationDate: later], ofItemAtPath: source.filePath)
      #expect(try await ambit("build", directory.filePath).status == .exited(0))
      let rebuilt = try inodes(in: directory)
      #expect(rebuilt["hello.so"] != built["hello.so"], "a new file, not the old one overwritten")
      #expect(rebuilt["counter.so"] == built["counter.so"])
    }
  }

  @Test func `build shows the compiler's errors as they are and builds the other plugins`() async throws {
    try await withSamples(["hello/hello.c"]) { directory in
      let folder = directory.appending(path: "broken")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try folder.write("int answer(void) { return fortytwo; }\n", as: "broken.c")
      let result = try await ambit("build", directory.filePath)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains("broken.c:1:") && result.errors.contains("fortytwo"))
      #expect(try Set(inodes(in: directory).keys) == ["hello.so"])
    }
  }

  @Test func `serve --build builds the plugins before it serves`() async throws {
    try await withHost([], arguments: ["--build"], sources: ["hello/hello.c"]) { host in
      let answer = try await host.get("/hello/World")
      #expect(answer.text == "Hello, World!\n")
    }
  }

  @Test func `build says in one line, with status 1, that its directory does not exist`() async throws {
    let result = try await ambit("build", "/nonexistent/plugins")
    #expect(result.status == .exited(1))
    #expect(result.errorLines.count == 1)
    #expect(result.errors.contains("/nonexistent/plugins"))
  }

  private func withSamples(_ sources: [String], _ body: (URL) async throws -> Void) async throws {
    try await withTemporaryFolder { directory in
      try copySamples(sources, to: directory)
      try await body(directory)
    }
  }

  /// The inode of each plugin in `directory`.
  private func inodes(in directory: URL) throws -> [String: Int] {
    let files = FileManager.default
    let names = try files.contentsOfDirectory(atPath: directory.filePath).filter { $0.hasSuffix(".so") }
    var inodes: [String: Int] = [:]
    for name in names {
      let attributes = try files.attributesOfItem(atPath: directory.appending(path: name).filePath)
      inodes[name] = try #require(attributes[.systemFileNumber] as? Int)
    }
    return inodes
  }
}
