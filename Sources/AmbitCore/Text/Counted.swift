extension Int {
  /// "1 job", "2 jobs": so many of what `noun` names in the singular.
  public func counted(_ noun: String) -> String { "\(self) \(noun)\(self == 1 ? "" : "s")" }
}
