import Foundation
import TestSupport

extension Places {
  /// Whether host and plugins are built for AddressSanitizer: they take more memory, have constructors of its own, and end
  /// otherwise when they crash.
  static let isSanitized = ProcessInfo.processInfo.environment["CFLAGS"]?.contains("-fsanitize") == true

  /// Whether the `ambit` under test is a release build.
  static let isRelease = ambit.path.contains("/release/")

  /// The source of a plugin that these tests bring along.
  static func probe(_ name: String) -> URL {
    package.appending(path: "Tests/EndToEndTests/Plugins/\(name).c")
  }
}

/// Copies sources of samples, given as `FOLDER/FILE`, into folders of the same names in `folder`.
func copySamples(_ sources: [String], to folder: URL) throws {
  for source in sources {
    let copy = folder.appending(path: source)
    try FileManager.default.createDirectory(at: copy.deletingLastPathComponent(), withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: Places.package.appending(path: "Plugins/\(source)"), to: copy)
  }
}
