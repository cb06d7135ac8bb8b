import Testing

/// The folders of AmbitRuntime have an order: a folder names no type of a higher one.
@Suite struct FoldersOfTheRuntime {
  /// Lowest first. Folders in one row may use each other.
  private static let order: [[String]] = [
    ["Inspect", "Limits", "Threads"], ["Loop"], ["Job"], ["Scope"], ["Faults"], ["Waits"], ["Foreign"],
    ["Calls", "Checked"], ["Dump", "Watch"],
  ]

  /// Types of higher folders that a folder names all the same.
  private static let exceptions: [String: Set<String>] = [
    "Loop": [
      // The loop's record holds the pools and the ready queue of jobs and scopes, refused jobs, and the hook that runs.
      "Job", "JobPointer", "JobKinds", "JobColdState", "RefusedJobs", "Scope", "ScopePointer", "ArenaChunk", "HookCall",
      "WorkLabel",
      // It holds the state of cancellation checks, and the signatures that plugins have used.
      "Computation", "PreparedSignatures",
      // It tells its watchdog about overdue jobs and freed memory.
      "Watchdog",
    ],
    // A job belongs to a scope, and reports of a job name its scope. The argument of a job may be a call of a C
    // function.
    "Job": ["Scope", "ScopePointer", "ForkedChild", "PluginLog", "ForeignCall", "ForeignCallPointer"],
    // A scope owns the functions that were bound in it. That of a generation tells who waits for its draining.
    "Scope": ["Binding", "EventPointer"],
  ]

  /// A type at the top level of a file that other files can see.
  private static var declaration: Regex<(Substring, Substring)> {
    /^(?:@\w+ )*(?:public |package )?(?:final |indirect )?(?:struct|class|enum|protocol|typealias) (\w+)/
  }

  /// The lines of a file without comments and texts.
  private static func code(of path: String) throws -> [Substring] {
    try Repository.text(of: path).split(separator: "\n").map { line in
      line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex).replacing(/"[^"]*"/, with: "\"\"")[...]
    }
  }

  private static func files(in folder: String) throws -> [String] {
    try Repository.files(below: "Sources/AmbitRuntime/\(folder)", "swift")
  }

  @Test func `All folders of AmbitRuntime have a place in the order, and no file lies beside them`() throws {
    #expect(try Repository.names(in: "Sources/AmbitRuntime") == Self.order.joined().sorted())
  }

  @Test(arguments: order.indices)
  func `A folder of AmbitRuntime names no type of a higher folder, but for those with a reason`(row: Int) throws {
    var higher: [String: String] = [:]
    for folder in Self.order[(row + 1)...].joined() {
      for line in try Self.files(in: folder).flatMap(Self.code) {
        if let type = try Self.declaration.firstMatch(in: line)?.1 { higher[String(type)] = folder }
      }
    }
    for folder in Self.order[row] {
      var used: Set<String> = []
      for file in try Self.files(in: folder) {
        for line in try Self.code(of: file) {
          for word in line.split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }) {
            guard let place = higher[String(word)] else { continue }
            used.insert(String(word))
            let isAllowed = Self.exceptions[folder]?.contains(String(word)) == true
            #expect(isAllowed, "\(file) names \(word) of \(place)")
          }
        }
      }
      #expect(Self.exceptions[folder, default: []].subtracting(used) == [], "exceptions that \(folder) does not need")
    }
  }
}
