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
      if let call = route.call {
        refuse(call.place, "routes to C functions are not there yet; a plugin serves every route")
      } else {
        refuse(route.place, "changes to a plugin's route are not there yet")
      }
    }
    return errors
  }
}
