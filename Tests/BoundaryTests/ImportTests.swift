import Testing

@Suite struct ImportsOfSwiftTargets {
  /// The modules that each target may import.
  private static let mayImport: [String: Set<String>] = [
    // Pure values and state machines: not even the C library.
    "AmbitCore": [],
    // From text to a checked configuration.
    "AmbitConfig": ["AmbitCore", "AmbitTOML"],
    // TOML texts as values with places, over the parser in C++.
    "AmbitTOML": ["AmbitCore", "CTOML"],
    // Calls of C functions by their signatures: the only one that sees libffi.
    "AmbitFFI": ["AmbitCore", "CFFI", "Glibc"],
    // Clocks, threads, signals, processes, messages, sockets, the log. Knows no HTTP, no plugins, no fibers, no scopes:
    // of CFiber and CCrash it takes the signal stack and the crash record that each thread it starts has.
    "AmbitSystem": ["AmbitCore", "CCrash", "CFiber", "CLinux", "Glibc", "Logging", "Synchronization"],
    // Loops, fibers, scopes, jobs. Knows no plugin files and no HTTP.
    "AmbitRuntime": [
      "AmbitCore", "AmbitFFI", "AmbitSystem", "CAmbit", "CCrash", "CFiber", "CLinux", "Glibc", "Logging",
      "Synchronization",
    ],
    // Finds, checks and loads libraries. Knows no HTTP.
    "AmbitPlugins": ["AmbitCore", "AmbitRuntime", "AmbitSystem", "CAmbit", "CLinux", "Glibc", "Synchronization"],
    // Connections and requests. Knows no plugin files.
    "AmbitHTTP": [
      "AmbitCore", "AmbitFFI", "AmbitRuntime", "AmbitSystem", "CAmbit", "CLinux", "Glibc", "Logging", "Synchronization",
    ],
    // Puts the parts together, without a pointer and without C.
    "AmbitHost": [
      "AmbitConfig", "AmbitCore", "AmbitHTTP", "AmbitPlugins", "AmbitRuntime", "AmbitSystem", "Logging",
      "Synchronization",
    ],
    // The command line.
    "ambit": ["AmbitConfig", "AmbitHost", "AmbitSystem", "ArgumentParser"],
  ]

  private static var importLine: Regex<(Substring, Substring)> {
    /^\s*(?:@\w+\s+)*(?:\w+\s+)?import\s+(?:(?:struct|class|enum|protocol|func|var|let|typealias)\s+)?(\w+)/
  }

  @Test(arguments: mayImport.keys.sorted()) func `Each target imports only the modules that it may see`(target: String)
    throws
  {
    let files = try Repository.files(below: "Sources/\(target)", "swift")
    #expect(!files.isEmpty)
    for file in files {
      for module in try Repository.matches(of: Self.importLine, in: file) {
        #expect(Self.mayImport[target]!.contains(module), "\(file) imports \(module), which \(target) must not")
      }
    }
  }

  @Test func `Every target that has Swift files is listed`() throws {
    let targets = try Repository.names(in: "Sources").filter {
      try !Repository.files(below: "Sources/\($0)", "swift").isEmpty
    }
    #expect(targets == Self.mayImport.keys.sorted())
  }

  @Test(arguments: [
    ("import A", "A"), ("package import A", "A"), ("@testable import A", "A"), ("  internal import B", "B"),
    ("@preconcurrency public import struct A.B", "A"), ("private import func Glibc.close", "Glibc"),
  ])
  func `Imports are found in every form`(line: String, module: String) throws {
    #expect(try Self.importLine.firstMatch(in: line)?.1 == module[...])
  }
}
