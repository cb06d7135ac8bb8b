package import Foundation
import Glibc

/// Where the things under test lie on disk.
package enum Places {
  /// The top folder of the package.
  package static let package = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The folder of the header that plugins include.
  package static let headers = package.appending(path: "Sources/CAmbit/include")

  /// The source of the sample plugin `name`.
  package static func sample(_ name: String, language: String = "c") -> URL {
    package.appending(path: "Plugins/\(name)/\(name).\(language)")
  }

  /// The source of the misbehaving plugin `name`.
  package static func fixture(_ name: String) -> URL {
    package.appending(path: "Tests/Fixtures/\(name)/\(name).c")
  }

  /// The `ambit` under test: `AMBIT_BINARY` if it is set (a release or sanitizer build made elsewhere), else the one
  /// that SwiftPM built beside the test bundle, which on Linux is the running executable.
  package static let ambit: URL = {
    if let chosen = ProcessInfo.processInfo.environment["AMBIT_BINARY"] { return URL(filePath: chosen) }
    return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "ambit")
  }()

  /// The path of the first program called `name` in `PATH`, nil if there is none.
  package static func tool(_ name: String) -> String? {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// The emulator that runs programs for arm64.
  package static let arm64Emulator = tool("qemu-aarch64") ?? tool("qemu-aarch64-static")
}

/// Whether this process runs with AddressSanitizer, which replaces the allocator, takes terabytes of address space, and
/// calls an allocation that cannot succeed a fault.
package let isSanitized = dlsym(nil, "__asan_init") != nil
