import AmbitFFI
import Foundation
import Glibc
import Testing

/// A library compiled from one C text, with its symbols. It stays loaded.
struct CLibrary: @unchecked Sendable {
  private let handle: UnsafeMutableRawPointer

  init(_ source: String) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "ambit-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "functions.c")
    let library = folder.appending(path: "functions.so")
    try source.write(to: file, atomically: false, encoding: .utf8)
    let compiler = Process()
    compiler.executableURL = URL(filePath: "/usr/bin/env")
    compiler.arguments = ["cc", "-std=gnu17", "-shared", "-fPIC", "-o", library.path, file.path]
    try compiler.run()
    compiler.waitUntilExit()
    try #require(compiler.terminationStatus == 0)
    handle = try #require(dlopen(library.path, RTLD_NOW | RTLD_LOCAL))
  }

  func function(_ name: String) throws -> CFunction {
    unsafeBitCast(try #require(dlsym(handle, name)), to: CFunction.self)
  }

  func variable<Value>(_ name: String, as type: Value.Type) throws -> UnsafeMutablePointer<Value> {
    try #require(dlsym(handle, name)).assumingMemoryBound(to: Value.self)
  }
}
