import Foundation
import Glibc
import TestSupport
import Testing

/// Whatever lies in the plugin directory, the host looks at its first bytes and at its size before it reads the rest,
/// and reads that in pieces.
@Suite struct `A huge file` {
  @Test func `A huge file is refused by its first bytes and its size, and takes no memory`() async throws {
    try await withHost([.sample("hello")], configuration: "settle = \"0s\"") { host in
      try await host.reload()
      let before = try host.memory("VmHWM")
      let library = try Data(contentsOf: host.plugins.appending(path: "hello.so"))
      for (name, head) in [("text.so", Data("text".utf8)), ("large.so", library)] {
        let file = host.plugins.appending(path: name)
        try head.write(to: file)
        truncate(file.filePath, 4 << 30)
      }
      let position = host.log.position
      #expect(try await host.reload().field("failed") == "2")
      try await host.log.line(after: position) {
        $0.contains("ERROR plugin text")
          && $0.contains("not a shared library: it does not begin with the ELF magic number")
      }
      try await host.log.line(after: position) {
        $0.contains("ERROR plugin large")
          && $0.contains("the file has 4294967296 bytes, at most 1073741824 are allowed")
      }
      #expect(try host.memory("VmHWM") - before < 16 << 20)
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test func `A huge file that is a plugin is loaded, and takes no memory for parts that nobody reads`() async throws {
    try await withHost([.sample("hello")], configuration: "settle = \"0s\"") { host in
      let file = host.plugins.appending(path: "hello.so")
      let library = try Data(contentsOf: file)
      try (library + Data([0])).write(to: file, options: .atomic)
      #expect(try await host.reload().field("changed") == "1")
      let before = try host.memory("VmHWM")
      try (library + Data(count: 12 << 20)).write(to: file, options: .atomic)
      #expect(try await host.reload().field("changed") == "1")
      // AddressSanitizer keeps what is freed for a while.
      if !Places.isSanitized { #expect(try host.memory("VmHWM") - before < 8 << 20) }
      #expect(try await host.get("/hello/World").status == 200)
    }
  }

  @Test func `A file that is larger than max_plugin_size is refused`() async throws {
    try await withHost([.sample("hello")]) { host in
      try host.configure("max_plugin_size = \"4KiB\"")
      let position = host.log.position
      #expect(try await host.reload().field("failed") == "1")
      try await host.log.line(after: position, containing: "at most 4096 are allowed; raise max_plugin_size")
      #expect(try await host.get("/hello/World").status == 200)
      try host.configure("max_plugin_size = \"1MiB\"")
      #expect(try await host.reload().field("kept") == "1")
    }
  }

  @Test func `A huge configuration is refused, and one without an end is not read to its end`() async throws {
    let result = try await ambit("check", "-c", "/dev/zero")
    #expect(result.status == .exited(78))
    #expect(result.errors == "error: cannot read /dev/zero, which has more than 16 MiB: File too large\n")
  }
}
