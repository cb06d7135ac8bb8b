/// What became of each folder that could be a plugin's.
package struct BuildReport: Equatable, Sendable {
  package enum Result: Equatable, Sendable {
    case built
    case upToDate
    /// The folder has no C or C++ source: it is no plugin, or one in another language.
    case noSources
    /// Why; nil if a compiler or linker failed, which has said why itself on standard error.
    case failed(String?)
  }

  package struct Entry: Equatable, Sendable {
    /// Of the folder, and so of the library without ".so".
    package let name: String
    package let result: Result
  }

  /// Sorted by name.
  package let entries: [Entry]

  package var hasFailures: Bool {
    entries.contains { if case .failed = $0.result { true } else { false } }
  }
}
