/// Something wrong with an entry, before it is said of which plugin and file.
struct EntryProblem: Equatable {
  let code: PluginProblem.Code
  let reason: String

  init(_ code: PluginProblem.Code, _ reason: String) {
    self.code = code
    self.reason = reason
  }
}
