package import AmbitCore

/// Where a setting stands in the configuration file, kept for errors that only whoever uses the setting can find.
package struct SettingPlace: Sendable, Hashable {
  /// The keys and indices that lead to it, such as `route[2].call`.
  package let path: String
  /// Of its key, or of the header of its table.
  package let position: SourcePosition?

  package init(path: String, position: SourcePosition?) {
    self.path = path
    self.position = position
  }
}

extension ConfigurationError {
  /// An error at a setting; its message begins with the setting's path.
  package init(file: String, at place: SettingPlace, message: String) {
    self.init(file: file, position: place.position, message: "\(place.path): \(message)")
  }
}
