internal import AmbitConfig

extension HostConfiguration {
  /// What the configuration asks for and this version does not have yet, an error each: nothing is silently ignored.
  ///
  /// - Parameter file: The file's name, for the messages.
  func unsupported(in file: String) -> [ConfigurationError] {
    var errors: [ConfigurationError] = []
    func refuse(_ place: SettingPlace, _ message: String) {
      errors.append(ConfigurationError(file: file, at: place, message: message))
    }
    if halfClose == .allow {
      refuse(SettingPlace(path: "half_close", position: nil), #""allow" is not there yet; "cancel" is the only choice"#)
    }
    for route in routes {
      if route.call == nil { refuse(route.place, "changes to a plugin's route are not there yet") }
      if route.call != nil, route.timeout != nil {
        refuse(route.place, "a timeout of a route is not there yet; limits.request_timeout holds for all")
      }
    }
    return errors
  }
}
