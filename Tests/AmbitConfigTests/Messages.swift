import AmbitConfig

/// The errors of a text that is to be wrong; nil if it is not.
func errors(_ text: String) -> [ConfigurationError]? {
  do throws(ConfigurationErrors) {
    _ = try HostConfiguration.parse(text: text, file: "host.conf")
    return nil
  } catch {
    return error.errors
  }
}

/// The errors of a text as they are shown; none if it is right.
func messages(_ text: String) -> [String] {
  errors(text)?.map(\.description) ?? []
}
