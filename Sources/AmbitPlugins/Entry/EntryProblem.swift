/// Something wrong with an entry, before it is said of which plugin and file.
struct EntryProblem: Equatable {
  let code: PluginError.Code
  let reason: String

  init(_ code: PluginError.Code, _ reason: String) {
    self.code = code
    self.reason = reason
  }
}
