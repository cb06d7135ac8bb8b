import Foundation

/// The compiler, whose words stand above, refused a source.
struct NotCompiled: Error {
  let source: String
}

/// Makes a shared library of one C source.
func compile(_ source: URL, to library: URL) throws {
  let arguments = ["-std=gnu17", "-D_GNU_SOURCE", "-O2", "-g", "-shared", "-fPIC", "-I", Places.headers.path]
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = ["cc"] + arguments + ["-o", library.path, source.path]
  try process.run()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else { throw NotCompiled(source: source.path) }
}
