internal import Logging

/// What plugins do that `ambit.h` forbids, as the checks of checked mode find it.
enum Misuse {
  /// Writes a line about a call that `scope`, which may have closed, was named in: "NAME REASON". From any thread.
  ///
  /// In checked mode records and memory of a closed scope stay for a while (see `Scope.keep`), so the line can still name
  /// its plugin and route.
  static func report(_ call: StaticString, _ scope: ScopePointer, _ reason: String) {
    guard !ForkedChild.isCurrent else { return }
    PluginLog.write(.error, scope, job: CallSite.job, isFault: true, "\(call) \(reason)")
  }
}
