import Foundation
import Glibc
import TestSupport
import Testing

/// Many reloads. `AMBIT_RELOADS` says how many; the default is few, to keep the tests short. The test under load is
/// meant for 200, the tests of memory for 1000.
@Suite struct `Reloading again and again` {
  private static let wanted = ProcessInfo.processInfo.environment["AMBIT_RELOADS"].flatMap {
    Int($0)
  }

  @Test(
    .enabled(if: Places.tool("wrk") != nil, "wrk is not installed"),
    arguments: [Replacement.byRename, .inPlace])
  func `Reloads under load lose no request, close no connection, and show each new version`(
    replacement: Replacement
  ) async throws {
    let cycles = min(Self.wanted ?? 10, 200)
    let versions = try await Versions(flags: "0")
    try await withHost([versions.plugin(0)], configuration: "threads = 2\nsettle = \"20ms\"") {
      host in
      async let load = run(
        "wrk", ["-c", "32", "-t", "1", "-d", "\(max(4, cycles / 5))s", "--timeout", "60s", host.url("/version")])
      for number in 1...cycles {
        try replacement.put(versions.bytes(number), at: host.plugins.appending(path: "version.so"))
        #expect(try await host.reloadOnRequest().field("changed") == "1")
        #expect(try await host.get("/version").text == Versions.text(number))
      }
      let result = try await load
      #expect(result.status == .exited(0))
      #expect(
        !result.text.contains("Socket errors") && !result.text.contains("Non-2xx"), "\(result.text)"
      )
    }
  }

  /// The allowed cost of a resident plugin. A debug build keeps more, and after few reloads other memory of the host
  /// counts too.
  private static let residentBytes = Places.isRelease && wanted ?? 0 >= 1000 ? 25_000 : 32_000

  @Test(.disabled(if: Places.isSanitized), arguments: [("0", residentBytes), ("AMBIT_PLUGIN_UNLOADABLE", 4_000)])
  func `Reloads leak neither descriptors nor mappings, and little or no memory`(flags: String, bytes: Int)
    async throws
  {
    let (warmUp, cycles) = (20, min(Self.wanted ?? 80, 1000))
    let versions = try await Versions(flags: flags)
    try await withHost([versions.plugin(0)], configuration: "threads = 2\nsettle = \"0s\"") {
      host in
      var before = try Footprint(of: host)
      for number in 1...(warmUp + cycles) {
        if number == warmUp + 1 {
          _ = try await host.log.lines(warmUp) { $0.contains("plugin generation retired") }
          before = try Footprint(of: host)
        }
        try Replacement.byRename.put(
          versions.bytes(number), at: host.plugins.appending(path: "version.so"))
        try await host.reloadOnRequest()
      }
      _ = try await host.log.lines(warmUp + cycles) { $0.contains("plugin generation retired") }
      let after = try Footprint(of: host)
      let growth = (after.memory - before.memory) / cycles
      print("a reload with flags \(flags) costs \(growth) bytes")
      #expect(growth <= bytes)
      // The connection that asked for the last reload may be about to be closed.
      try await eventually(within: .seconds(30), until: { $0 <= before.descriptors }) {
        try Footprint(of: host).descriptors
      }
      let isResident = flags == "0"
      #expect(after.copies - before.copies == (isResident ? cycles : 0))
      #expect(try host.children().isEmpty)
      #expect(try await host.get("/version").text == Versions.text(warmUp + cycles))
    }
  }
}

/// How a new version takes the place of the old one.
enum Replacement: Sendable {
  case byRename
  /// As `cp` does it: the old file is truncated and overwritten.
  case inPlace

  func put(_ bytes: Data, at file: URL) throws {
    switch self {
    case .byRename: try bytes.write(to: file, options: .atomic)
    case .inPlace:
      let handle = try FileHandle(forWritingTo: file)
      try handle.truncate(atOffset: 0)
      try handle.write(contentsOf: bytes)
      try handle.close()
    }
  }
}

/// A plugin in many versions, compiled once: they differ in the digits they answer with.
struct Versions: Sendable {
  private let library: Data
  private let place: Range<Data.Index>

  static func text(_ number: Int) -> String { "version \(digits(number))\n" }

  private static func digits(_ number: Int) -> String {
    String(repeating: "0", count: 6 - String(number).count) + String(number)
  }

  init(flags: String) async throws {
    let source = """
      #include <ambit.h>
      static int32_t handle(ambit_scope *scope) {
        ambit_status status = ambit_yield(scope);
        return status == AMBIT_OK ? ambit_respond(scope, 200, "text/plain", "version 000000\\n", 15) : status;
      }
      static const ambit_route routes[] = {{.pattern = "GET /version", .handler = handle}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "version", .version = "1.0", .routes = routes, .route_count = 1,
        .flags = \(flags)};
      """
    library = try await withTemporaryFolder { directory in
      try await PluginFile.source(source, name: "version").install(in: directory)
      return try Data(contentsOf: directory.appending(path: "version.so"))
    }
    place = try #require(library.firstRange(of: Data("version 000000".utf8)))
  }

  func bytes(_ number: Int) -> Data {
    var bytes = library
    bytes.replaceSubrange(place, with: Data("version \(Self.digits(number))".utf8))
    return bytes
  }

  func plugin(_ number: Int) -> PluginFile { .bytes(Array(bytes(number)), name: "version") }
}

/// The memory, descriptors and mappings of a host.
private struct Footprint {
  let memory: Int
  let descriptors: Int
  /// Private copies of plugins that are mapped.
  let copies: Int

  init(of host: Host) throws {
    memory = try host.memory("VmRSS")
    descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(host.servingProcess)/fd")
      .count
    let lines = try host.maps().split(separator: "\n").filter { $0.contains("/ambit-host-") }
    copies = Set(lines.compactMap { $0.split(separator: " ").last }).count
  }
}
