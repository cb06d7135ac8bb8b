import Foundation

/// Where the things under test lie on disk.
enum Places {
  /// The package's top folder.
  static let package = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The folder with the one header that plugins include.
  static let headers = package.appending(path: "Sources/CAmbit/include")

  /// Whether host and plugins are built for AddressSanitizer: they take more memory, have constructors of its own, and end
  /// otherwise when they crash.
  static let isSanitized = ProcessInfo.processInfo.environment["CFLAGS"]?.contains("-fsanitize") == true

  /// The source of the sample plugin `name`.
  static func sample(_ name: String, language: String = "c") -> URL {
    package.appending(path: "Plugins/\(name)/\(name).\(language)")
  }

  /// The source of a plugin that these tests bring along.
  static func probe(_ name: String) -> URL {
    package.appending(path: "Tests/EndToEndTests/Plugins/\(name).c")
  }

  /// The source of the misbehaving plugin `name`.
  static func fixture(_ name: String) -> URL {
    package.appending(path: "Tests/Fixtures/\(name)/\(name).c")
  }

  /// The binary under test: `AMBIT_BINARY` if it is set (a release or sanitizer build made elsewhere), else the
  /// `ambit` that SwiftPM built beside the test bundle, which on Linux is the running executable.
  static let ambit: URL = {
    if let chosen = ProcessInfo.processInfo.environment["AMBIT_BINARY"] { return URL(filePath: chosen) }
    return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "ambit")
  }()

  /// Whether that is a release build.
  static let isRelease = ambit.path.contains("/release/")

  /// The first executable called `name` in `PATH`, nil if there is none.
  static func tool(_ name: String) -> String? {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}

/// Copies sources of samples, given as `FOLDER/FILE`, into folders of the same names in `directory`.
func copySamples(_ sources: [String], to directory: URL) throws {
  for source in sources {
    let copy = directory.appending(path: source)
    try FileManager.default.createDirectory(at: copy.deletingLastPathComponent(), withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: Places.package.appending(path: "Plugins/\(source)"), to: copy)
  }
}
