import AmbitCore

extension HostConfiguration {
  /// Reads the text of a configuration file and checks all of it; a key that is not there has its default.
  ///
  /// - Parameter file: The file's name, for the messages only.
  /// - Throws: The first syntax error, or, of a file without one, everything else that is wrong with it.
  package static func parse(text: String, file: String) throws(ConfigurationErrors) -> HostConfiguration {
    let document: TOMLDocument
    do throws(SyntaxProblem) {
      document = try TOMLDocument(text: text)
    } catch {
      throw ConfigurationErrors(file: file, problem: error)
    }
    var reader = ConfigurationReader(document)
    reader.readAll()
    guard reader.findings.isEmpty else {
      throw ConfigurationErrors(file: file, findings: reader.findings, positions: document.positions)
    }
    return reader.configuration
  }
}

extension ConfigurationErrors {
  fileprivate init(file: String, problem: SyntaxProblem) {
    errors = [ConfigurationError(file: file, position: problem.position, message: problem.message)]
  }

  /// The findings with their positions, in the order of the file; those without one come last.
  fileprivate init(file: String, findings: [Finding], positions: [SettingPath: SourcePosition]) {
    let all = findings.map { finding in
      ConfigurationError(file: file, position: positions[finding.path], message: finding.message)
    }
    let last = SourcePosition(line: .max, column: .max)
    errors = all.sorted { ($0.position ?? last, $0.message) < ($1.position ?? last, $1.message) }
  }
}
