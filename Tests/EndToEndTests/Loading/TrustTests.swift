import Foundation
import Glibc
import TestSupport
import Testing

/// A user who can write a plugin decides which code the host runs.
@Suite struct `Trust in plugins` {
  @Test func `A file that others can write is refused, until the operator allows it`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await PluginFile.probe("counting").install(in: host.plugins)
      chmod(host.plugins.appending(path: "counting.so").filePath, 0o666)
      #expect(try await host.reload().field("failed") == "1")
      let errorLine = try await host.log.line { $0.contains("ERROR") && $0.contains("counting.so") }
      #expect(errorLine.contains("can be written by its group and everybody (mode 666)"))
      #expect(try await host.get("/count").status == 404)
      try host.configure("trust = \"any\"")
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/count").status == 200)
    }
  }

  @Test func `A directory that others can write is refused, and nothing changes`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await PluginFile.probe("counting").install(in: host.plugins)
      chmod(host.plugins.filePath, 0o777)
      host.child.signal(SIGHUP)
      let errorLine = try await host.log.line { $0.contains("ERROR") && $0.contains("plugins: ") }
      #expect(errorLine.contains("\(host.plugins.filePath) can be written by its group and everybody (mode 777)"))
      try await host.log.line(containing: "reload refused, nothing has changed")
      #expect(try await host.get("/hello/World").status == 200)
    }
  }
}
