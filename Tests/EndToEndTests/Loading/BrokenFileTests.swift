import Foundation
import Glibc
import TestSupport
import Testing

/// The last good version serves on whatever lies in the directory, and the log names the cause.
@Suite struct `A file that is no plugin` {
  @Test func `A plugin's file that was cut off, at any place, changes nothing`() async throws {
    try await withHost([.sample("hello")], configuration: "settle = \"0s\"") { host in
      let file = host.plugins.appending(path: "hello.so")
      let whole = try Data(contentsOf: file)
      for length in stride(from: 0, to: whole.count, by: 512) {
        try whole.prefix(length).write(to: file, options: .atomic)
        let position = host.log.position
        #expect(try await host.reloadOnRequest().field("failed") == "1", "cut off at \(length)")
        let errorLine = try await host.log.line(after: position) {
          $0.contains("ERROR plugin hello")
        }
        #expect(
          errorLine.contains(length == 0 ? "the file is empty" : "cut short"),
          "\(length): \(errorLine)")
        #expect(try await host.get("/hello/World").status == 200)
      }
      try whole.write(to: file, options: .atomic)
      #expect(try await host.reloadOnRequest().field("failed") == "0")
    }
  }

  @Test func `A file that is something else than a plugin changes nothing, and the log says what it is`()
    async throws
  {
    try await withHost([.sample("hello")], configuration: "settle = \"0s\"") { host in
      let file = host.plugins.appending(path: "hello.so")
      let whole = try Array(Data(contentsOf: file))
      func expect(_ reason: String) async throws {
        let position = host.log.position
        #expect(try await host.reloadOnRequest().field("failed") == "1", "\(reason)")
        let errorLine = try await host.log.line(after: position) {
          $0.contains("ERROR plugin hello")
        }
        #expect(errorLine.contains(reason), "\(errorLine)")
        #expect(try await host.get("/hello/World").status == 200)
        try FileManager.default.removeItem(at: file)
      }
      func changed(_ offset: Int, _ byte: UInt8) -> [UInt8] {
        var bytes = whole
        bytes[offset] = byte
        return bytes
      }
      try host.plugins.write(
        bytes: (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7 + 3) }, as: "hello.so")
      try await expect("it does not begin with the ELF magic number")
      try host.plugins.write(bytes: Array("#!/bin/sh\nexit 0\n".utf8), as: "hello.so")
      try await expect("not a shared library but a script, which begins with #!")
      try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
      try await expect("expected a shared library, found a folder")
      symlink("nowhere.so", file.filePath)
      try await expect("cannot open it: No such file or directory")
      try host.plugins.write(bytes: changed(18, 0xf3), as: "hello.so")
      try await expect("built for RISC-V, but this host runs on")
      try host.plugins.write(bytes: changed(4, 1), as: "hello.so")
      try await expect("built for 32 bits, but this host runs on")
      try host.directory.write("int main(void) { return 0; }", as: "program.c")
      let source = host.directory.appending(path: "program.c").filePath
      try await Compiler.c.compile(["-fPIE", "-pie", "-o", file.filePath, source])
      try await expect("position-independent executable; link it with -shared")
      let tls = "static __thread char own[4096]; char *f(void) { return own; }"
      try await PluginFile.source(tls, name: "hello", flags: ["-ftls-model=initial-exec"]).install(
        in: host.plugins)
      try await expect("cannot allocate memory in static TLS block: it needs 4096 bytes")
    }
  }

  @Test func `A missing or unreadable host.conf changes nothing`() async throws {
    try await withHost([.sample("hello")]) { host in
      let conf = host.directory.appending(path: "host.conf").filePath
      unlink(host.plugins.appending(path: "hello.so").filePath)
      rename(conf, conf + ".away")
      host.child.signal(SIGHUP)
      try await host.log.line {
        $0.contains("ERROR") && $0.contains("cannot open") && $0.contains("host.conf")
      }
      try await host.log.line(containing: "reload refused, nothing has changed")
      mkdir(conf, 0o700)
      let position = host.log.position
      host.child.signal(SIGHUP)
      try await host.log.line(after: position) {
        $0.contains("ERROR") && $0.contains("cannot read")
      }
      try await host.log.line(after: position, containing: "reload refused, nothing has changed")
      #expect(try await host.get("/hello/World").status == 200)
    }
  }
}
