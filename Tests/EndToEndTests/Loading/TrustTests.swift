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
      #expect(errorLine.contains("everybody (mode 666)"))
      let file = host.plugins.appending(path: "counting.so").filePath
      #expect(errorLine.text.contains(/; run `chmod g?o-w/) && errorLine.contains("\(file)`, or set trust"))
      #expect(try await host.get("/count").status == 404)
      try host.configure("trust = \"any\"")
      #expect(try await host.reload().field("added") == "1")
      #expect(try await host.get("/count").status == 200)
    }
  }

  @Test func `Files that only the user's own group can write are trusted, as a umask of 002 makes them`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [.sample("hello")])
      chmod(directory.appending(path: "Plugins").filePath, 0o775)
      chmod(directory.appending(path: "Plugins/hello.so").filePath, 0o775)
      try await withHost(in: directory) { host in
        let status = try await host.get("/hello/World").status
        #expect(status == 200)
      }
    }
  }

  @Test func `A directory that others can write is refused, and nothing changes`() async throws {
    try await withHost([.sample("hello")]) { host in
      try await PluginFile.probe("counting").install(in: host.plugins)
      chmod(host.plugins.filePath, 0o777)
      host.child.signal(SIGHUP)
      let errorLine = try await host.log.line { $0.contains("ERROR") && $0.contains("plugins: ") }
      #expect(errorLine.text.contains(/can be written by .*everybody \(mode 777\)/))
      #expect(errorLine.contains("\(host.plugins.filePath) can be written"))
      try await host.log.line(containing: "reload refused, nothing has changed")
      #expect(try await host.get("/hello/World").status == 200)
    }
  }
}
