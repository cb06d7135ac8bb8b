internal import AmbitCore
internal import AmbitPlugins

/// The repository's record of a plugin or a library that serves. It holds values only, so a plan can be made without
/// the worker that has loaded the plugin.
struct ServingPlugin: Sendable {
  let name: String
  /// The label of its generation: "hello/3".
  let label: String
  /// The operator's file, which may have been renamed since it was loaded.
  var file: PluginFile
  /// The file that was loaded.
  let copy: PluginCopy
  let isLibrary: Bool
  let settings: PluginSettingValues
  let patterns: [RoutePattern]
  /// Whether each route runs on a thread by its plugin or its configuration, in the order of `patterns`.
  let blocking: [Bool]
  /// The bytes of stack that the plugin asks for at each route, 0 for none, in the order of `patterns`.
  let stackSizes: [Int]
  /// All code of the plugin runs on threads.
  let runsOnThreads: Bool
  /// The configured routes, each with the image that its function lies in.
  let libraryCalls: [LibraryCall]
  /// Why the operator's file is refused if this is its last good copy; else nil.
  var refusal: PluginError?

  init(_ planned: PlannedGeneration, calling calls: [LibraryCall], insteadOf refusal: PluginError?) {
    name = planned.name
    label = planned.label
    file = planned.copy.file
    copy = planned.copy
    isLibrary = !planned.isPlugin
    settings = planned.settings
    patterns = planned.patterns
    blocking = planned.blocking
    stackSizes = planned.stackSizes
    runsOnThreads = planned.runsOnThreads
    libraryCalls = calls
    self.refusal = refusal
  }

  /// "plugin" or "library", for messages.
  var kind: String { isLibrary ? "library" : "plugin" }

  var isLastGoodCopy: Bool { refusal != nil }

  /// The name and the routes that it claims while it serves. Its configured routes have the places that `calls` gives
  /// them now, and none if the configuration does not have them any more.
  func claim(_ calls: CallRoutes) -> PluginConflicts.Claim {
    let own = patterns.dropLast(settings.calls.count).map { PluginConflicts.Route($0) }
    let present = calls.routes(of: name)
    let configured = settings.calls.map { call in
      PluginConflicts.Route(call.pattern, place: present.first { $0 == call }?.place)
    }
    return .init(plugin: name, file: file.path, routes: own + configured)
  }
}
