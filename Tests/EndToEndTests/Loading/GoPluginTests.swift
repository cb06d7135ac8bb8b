import Foundation
import TestSupport
import Testing

/// A plugin in Go. Each version brings a runtime of Go, with its own threads, signal handlers and static thread-local
/// storage, and all of them stay in the process. The tests are skipped where `go` is missing; `.ci/run` installs it.
@Suite(.enabled(if: Places.tool("go") != nil, "go is not installed"), .disabled(if: Places.isSanitized))
struct `A plugin in Go` {
  @Test func `A plugin in Go answers through three reloads, waits, runs goroutines and recovers from its faults`()
    async throws
  {
    let versions = try await GoPlugin(flags: "AMBIT_PLUGIN_THREADS").build(versions: 4)
    try await withHost([.bytes(versions[0], name: "gopher")], mayCrash: true) { host in
      for version in 1...4 {
        if version > 1 {
          // A request of the version before goes on in the old runtime.
          let early = try host.connect()
          try await early.send("GET /held HTTP/1.1\r\nHost: ambit\r\n\r\n")
          try await host.log.line { $0.text == "held by version \(version - 1)" }
          try await PluginFile.bytes(versions[version - 1], name: "gopher").install(in: host.plugins)
          #expect(try await host.reload().field("changed") == "1")
          try host.directory.write("", as: "release-\(version - 1)")
          #expect(try await early.response().text == "recovered in version \(version - 1)")
        }
        #expect(try await host.get("/hello/W%C3%B6rld").text == "Hello, Wörld, from version \(version)")
        #expect(try await host.get("/sleep").text == "slept")
        #expect(try await host.get("/sum").text == "4950")
        #expect(try await host.get("/nil").text == "recovered in version \(version)")
        let line = try await host.log.line { $0.contains("static thread-local") && $0.contains("gopher") }
        #expect(line.contains("NOTICE") && line.contains("took 8 bytes"), "\(line)")
      }
      #expect(host.log.lines { $0.contains("CRITICAL") || $0.contains("has a frame of") }.isEmpty, "\(host.log.text)")

      // The host's crash report still comes first.
      let connection = try host.connect()
      try await connection.send("GET /crash HTTP/1.1\r\nHost: ambit\r\n\r\n")
      let crash = try await host.log.line(containing: "CRITICAL worker 1 died: SIGSEGV at 0x8 in crash")
      #expect(crash.field("plugin") == "gopher/4" && crash.field("route") == "GET /crash", "\(crash)")
    }
  }

  @Test func `A plugin in Go that does not declare AMBIT_PLUGIN_THREADS is refused, with what to do`() async throws {
    let plugin = PluginFile.bytes(try await GoPlugin(flags: "0").build(versions: 1)[0], name: "gopher")
    try await withHost([.sample("hello")]) { host in
      try await plugin.install(in: host.plugins)
      #expect(try await host.reload().field("failed") == "1")
      let line = try await host.log.line { $0.contains("ERROR") && $0.contains("gopher.so") }
      #expect(line.contains("it contains Go code and does not declare AMBIT_PLUGIN_THREADS"), "\(line)")
      #expect(line.contains("set .flags = AMBIT_PLUGIN_THREADS in its entry"), "\(line)")
      let inspection = try await ambit("inspect", host.plugins.appending(path: "gopher.so").filePath)
      #expect(inspection.status == .exited(1) && inspection.text.contains("it contains Go code"), "\(inspection.text)")
    }
  }
}

/// The source of a plugin in Go: the entry in C, because Go has no such constants, and the handlers in Go.
private struct GoPlugin {
  /// The flags of its entry.
  let flags: String

  private var entry: String {
    """
    #include "ambit.h"
    extern int32_t Hello(ambit_scope *), Sleep(ambit_scope *), Sum(ambit_scope *), Nil(ambit_scope *);
    extern int32_t Held(ambit_scope *);
    static int32_t crash(ambit_scope *scope) {
      char *volatile nowhere = (char *)8;
      return ambit_respond(scope, 200, "text/plain", nowhere, *nowhere);
    }
    static const ambit_route routes[] = {
        {.pattern = "GET /hello/{name}", .handler = Hello}, {.pattern = "GET /sleep", .handler = Sleep},
        {.pattern = "GET /sum", .handler = Sum}, {.pattern = "GET /nil", .handler = Nil},
        {.pattern = "GET /held", .handler = Held}, {.pattern = "GET /crash", .handler = crash}};
    AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "gopher", .routes = routes, .route_count = 6, .flags = \(flags)};
    """
  }

  private static let handlers = #"""
    package main

    /*
    #include "ambit.h"
    #include <stdlib.h>
    */
    import "C"
    import (
        "fmt"
        "os"
        "sync"
        "time"
        "unsafe"
    )

    var version = "0"

    func respond(scope *C.ambit_scope, text string) C.int32_t {
        kind, body := C.CString("text/plain"), C.CString(text)
        defer C.free(unsafe.Pointer(kind))
        defer C.free(unsafe.Pointer(body))
        return C.ambit_respond(scope, 200, kind, unsafe.Pointer(body), C.size_t(len(text)))
    }

    //export Hello
    func Hello(scope *C.ambit_scope) C.int32_t {
        key := C.CString("name")
        defer C.free(unsafe.Pointer(key))
        name := C.ambit_param(scope, key)
        return respond(scope, fmt.Sprintf("Hello, %s, from version %s", C.GoStringN(name.ptr, C.int(name.len)), version))
    }

    //export Sleep
    func Sleep(scope *C.ambit_scope) C.int32_t {
        if status := C.ambit_sleep(scope, 1000000); status != 0 {
            return status
        }
        return respond(scope, "slept")
    }

    //export Sum
    func Sum(scope *C.ambit_scope) C.int32_t {
        var group sync.WaitGroup
        parts := make([]int, 100)
        for i := range parts {
            group.Add(1)
            go func(i int) {
                defer group.Done()
                time.Sleep(time.Millisecond)
                parts[i] = i
            }(i)
        }
        group.Wait()
        sum := 0
        for _, part := range parts {
            sum += part
        }
        return respond(scope, fmt.Sprint(sum))
    }

    func fault(scope *C.ambit_scope) (status C.int32_t) {
        defer func() {
            if recover() != nil {
                status = respond(scope, "recovered in version "+version)
            }
        }()
        var nowhere *int
        return C.int32_t(*nowhere)
    }

    //export Nil
    func Nil(scope *C.ambit_scope) C.int32_t { return fault(scope) }

    //export Held
    func Held(scope *C.ambit_scope) C.int32_t {
        fmt.Fprintln(os.Stderr, "held by version "+version)
        for {
            if _, err := os.Stat("release-" + version); err == nil {
                return fault(scope)
            }
            time.Sleep(time.Millisecond)
        }
    }

    func main() {}
    """#

  /// The libraries of versions 1, 2, 3 and so on.
  func build(versions: Int) async throws -> [[UInt8]] {
    try await withTemporaryFolder { folder in
      try folder.write(entry, as: "entry.c")
      try folder.write(Self.handlers, as: "main.go")
      try folder.write("module gopher\n\ngo 1.19\n", as: "go.mod")
      let header = Places.headers.appending(path: "ambit.h")
      try FileManager.default.copyItem(at: header, to: folder.appending(path: "ambit.h"))
      var libraries: [[UInt8]] = []
      for version in 1...versions {
        let words = ["build", "-buildmode=c-shared", "-ldflags=-X main.version=\(version)", "-o", "gopher.so", "."]
        let result = try await TestSupport.run(
          "go", words, in: folder,
          environment: ["GOCACHE": folder.appending(path: "cache").filePath, "GOFLAGS": "-mod=mod", "GOPROXY": "off"],
          limit: .seconds(900))
        guard result.status == .exited(0) else { throw HarnessError.commandFailed(result.errors) }
        libraries.append(Array(try Data(contentsOf: folder.appending(path: "gopher.so"))))
      }
      return libraries
    }
  }
}
