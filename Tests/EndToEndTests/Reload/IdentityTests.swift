import Foundation
import TestSupport
import Testing

/// A plugin is known by its name and a version by its content. The file's name means nothing.
@Suite struct `Identity of plugins` {
  @Test func `A file with another name is the same plugin, carried over untouched`() async throws {
    try await withHost([.probe("counting")]) { host in
      #expect(try await host.get("/count").text == "1\n")
      try rename("counting", to: "renamed", on: host)
      let done = try await host.reload()
      #expect(done.field("kept") == "1" && done.field("removed") == "0" && done.field("added") == "0")
      #expect(try await host.get("/count").text == "2\n")
      #expect(host.log.lines { $0.contains("found version") }.count == 1, "it was not started again")
      try rename("renamed", to: "again", on: host)
      #expect(try await host.reload().field("kept") == "1")
      #expect(try await host.get("/count").text == "3\n")
    }
  }

  @Test func `A file with another name and another content is the next generation`() async throws {
    try await withHost([.probe("counting")]) { host in
      #expect(try await host.get("/count").text == "1\n")
      try FileManager.default.removeItem(at: host.plugins.appending(path: "counting.so"))
      try await another("renamed").install(in: host.plugins)
      let done = try await host.reload()
      #expect(done.field("changed") == "1" && done.field("removed") == "0")
      #expect(try await host.get("/count").text == "2\n")
      try await host.log.line { $0.contains("plugin changed") && $0.field("plugin") == "counting/2" }
    }
  }

  @Test func `Two files of one plugin are a conflict that names both, and the old one serves`() async throws {
    try await withHost([.probe("counting")]) { host in
      try await another("second").install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line {
        $0.contains("Plugins/second.so") && $0.contains("Plugins/counting.so has the same name")
      }
      try await another("third").install(in: host.plugins)
      try FileManager.default.removeItem(at: host.plugins.appending(path: "counting.so"))
      #expect(try await host.reload().field("failed") == "2")
      try await host.log.line { $0.contains("Plugins/second.so)") && $0.contains("Plugins/third.so has the same name") }
      try await host.log.line { $0.contains("Plugins/third.so)") && $0.contains("Plugins/second.so has the same name") }
      #expect(try await host.get("/count").text == "1\n")
    }
  }

  @Test func `Two copies of one file are a conflict too`() async throws {
    try await withHost([.probe("counting")]) { host in
      let file = host.plugins.appending(path: "counting.so")
      try FileManager.default.copyItem(at: file, to: host.plugins.appending(path: "a copy.so"))
      let done = try await host.reload()
      #expect(done.field("failed") == "1")
      #expect(done.field("kept") == "0", "there is something wrong with it")
      try await host.log.line { $0.contains("Plugins/a copy.so)") && $0.contains("Plugins/counting.so has the same") }
      #expect(try await host.get("/count").text == "1\n")
    }
  }

  @Test func `A plugin that is refused is tried again at each reload`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await PluginFile.bytes(Array("no library".utf8), name: "counting").install(in: host.plugins)
      for _ in 0..<2 { #expect(try await host.reload().field("failed") == "1") }
      try await PluginFile.probe("counting").install(in: host.plugins)
      let done = try await host.reload()
      #expect(done.field("added") == "1" && done.field("failed") == "0")
    }
  }

  private func another(_ name: String) -> PluginFile {
    .source("#include \"\(Places.probe("counting").filePath)\"\n", name: name, flags: ["-DFORM=1"])
  }

  private func rename(_ name: String, to other: String, on host: Host) throws {
    try FileManager.default.moveItem(
      at: host.plugins.appending(path: "\(name).so"), to: host.plugins.appending(path: "\(other).so"))
  }
}
