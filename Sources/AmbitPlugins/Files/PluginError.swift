internal import AmbitCore

/// One reason why a plugin is refused: a code to match, the plugin and its file, and a sentence to read.
package struct PluginProblem: Equatable, Codable, Sendable, CustomStringConvertible {
  package enum Code: UInt64, Codable, Sendable {
    /// The file could not be read or copied.
    case unreadable
    /// Others than root and the host's user could change the file.
    case untrusted
    /// The file changed while it was read.
    case unsettled
    /// The file is larger than `max_plugin_size`.
    case tooLarge
    /// The file is not a whole shared library of this machine.
    case notALibrary
    /// The system's loader refused the copy.
    case notLoadable
    /// The library's constructors do not return, or another's, which the system's loader waits for.
    case loadingHangs
    /// The library has no `ambit_plugin_entry`.
    case noEntry
    /// The entry was built against an ABI that this host does not offer.
    case otherABI
    /// A field of the entry other than its routes is wrong.
    case malformedEntry
    /// A route of the entry is wrong.
    case malformedRoute
    /// The child process of its dry run crashed, exited or took too long.
    case dryRunFailed
    /// The plugin's `start` failed, or the `save` of the generation before it.
    case startFailed
    /// A configured route names a function that the library does not have.
    case noFunction
    /// Another plugin has the same name.
    case duplicateName
    /// Another route has the same meaning.
    case conflictingRoute
    /// A function would run on several event loops at once, and nobody says that it is thread-safe.
    case unsafeFunction
    /// Another route to the same library wants its functions to run on another thread.
    case conflictingThread
    /// There is no such file.
    case missing
    /// This content was rolled back.
    case rolledBack
  }

  package let code: Code
  /// The plugin's name, or the stem of its file as long as the name is not known.
  package let plugin: String
  /// The path of the plugin's file as it was configured.
  package let file: String
  /// What was expected and what was found, on one line.
  package let reason: String
  /// Where the configuration asks for it, `host.conf:7`; nil if that is of no help.
  package var place: String?

  package init(code: Code, plugin: String, file: String, reason: String) {
    self.code = code
    self.plugin = plugin
    self.file = file
    self.reason = reason
  }

  package var description: String {
    // A library that is no plugin has no other name than its own.
    let subject = plugin == file ? "library \(file)" : "plugin \(plugin) (\(file))"
    return ((place.map { "\($0): " } ?? "") + "\(subject): \(reason)").printable
  }
}

/// Why a plugin is refused: every reason that could be found at once, at least one.
package struct PluginError: Error, Equatable, Codable, Sendable, CustomStringConvertible {
  package let problems: [PluginProblem]

  package init(problems: [PluginProblem]) { self.problems = problems }

  /// - Parameter plugin: The plugin's name if it is known; else the stem of the file stands for it.
  init(_ code: PluginProblem.Code, _ file: PluginFile, plugin: String? = nil, _ reason: String) {
    problems = [PluginProblem(code: code, plugin: plugin ?? file.stem, file: file.path, reason: reason)]
  }

  /// Whether there is no such file.
  package var isAbsence: Bool { problems.allSatisfy { $0.code == .missing } }

  /// The same error with the `place` of the configuration that asks for the file: `host.conf:7`. A problem that names
  /// its place already keeps it.
  package func asked(at place: String) -> PluginError {
    PluginError(
      problems: problems.map { problem in
        var problem = problem
        if problem.code != .noFunction { problem.place = place }
        return problem
      })
  }

  /// Whether a problem concerns one of these plugins.
  package func concerns(_ plugins: [String]) -> Bool { problems.contains { plugins.contains($0.plugin) } }

  /// One line for each problem.
  package var description: String { problems.map(\.description).joined(separator: "\n") }
}
