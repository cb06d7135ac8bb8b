import AmbitFFI
import Glibc
import TestSupport
import Testing

/// A library compiled from one C text, with its symbols. It stays loaded.
struct CLibrary: @unchecked Sendable {
  private let handle: UnsafeMutableRawPointer

  init(_ source: String) throws {
    let folder = try TemporaryFolder()
    let library = folder.path(of: "functions.so")
    try Compiler.c.compile(
      ["-std=gnu17", "-shared", "-fPIC", "-o", library, folder.write(source, to: "functions.c")])
    handle = try #require(dlopen(library, RTLD_NOW | RTLD_LOCAL))
  }

  func function(_ name: String) throws -> CFunction {
    unsafeBitCast(try #require(dlsym(handle, name)), to: CFunction.self)
  }

  func variable<Value>(_ name: String, as type: Value.Type) throws -> UnsafeMutablePointer<Value> {
    try #require(dlsym(handle, name)).assumingMemoryBound(to: Value.self)
  }
}
