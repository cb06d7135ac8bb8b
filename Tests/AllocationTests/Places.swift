import Foundation

/// Where the things under test lie on disk.
enum Places {
  private static let package = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The binary under test: `AMBIT_BINARY` if it is set (a release build made elsewhere), else the `ambit` that SwiftPM
  /// built beside the test bundle, which on Linux is the running executable.
  static var ambit: URL {
    if let chosen = ProcessInfo.processInfo.environment["AMBIT_BINARY"] { return URL(filePath: chosen) }
    return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "ambit")
  }

  /// The load generator, if this machine has it.
  static let wrk: URL? = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    .map { URL(filePath: "\($0)/wrk") }.first { FileManager.default.isExecutableFile(atPath: $0.path) }

  static let headers = package.appending(path: "Sources/CAmbit/include")

  static let baseline = package.appending(path: "Tests/Benchmarks/baseline.json")

  /// The source of the library that counts.
  static let counter = package.appending(path: "Tests/AllocationTests/Libraries/allocation_count.c")

  /// The sources of the plugins that the workloads ask.
  static let plugins = [
    "Tests/AllocationTests/Libraries/allocations.c", "Tests/Benchmarks/Peers/ambit/jobs.c",
    "Plugins/hello/hello.c",
  ].map { package.appending(path: $0) }
}
