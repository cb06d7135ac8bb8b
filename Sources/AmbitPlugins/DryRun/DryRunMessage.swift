package import AmbitCore
package import AmbitRuntime
package import AmbitSystem

/// What the host asks of the child process.
enum DryRunRequest: Codable {
  /// The first message.
  case begin(DryRunLimits)
  /// A library that is used in place has no hash. The child opens the libraries in `after` first.
  case load(copy: String, file: PluginFile, hash: String?, after: [String])
  /// Answers the manifest: start the plugin, or look up the library's functions.
  case start(DryRunInputs)
  /// Answers the manifest: leave this plugin and wait for the next.
  case pass

  /// Most bytes of a message, also of a reply: as many as a plugin can hand over, and room for the rest.
  static let limit = HandedOverState.limit + (1 << 20)
}

/// What the child process tells the host.
enum DryRunReply: Codable {
  case began(DryRunStep)
  case manifest(PluginManifest)
  case refused([PluginProblem])
  /// The plugin has started and stopped, or the library has the functions, which lie in these images. The author should
  /// see the warnings.
  case passed(functionImages: [String], warnings: [String])
  case log(RelayLogHandler.Event)
  /// The process could not give up its rights, and ends.
  case cannotRun(String)
}

/// What runs of a plugin in its dry run.
package enum DryRunStep: UInt64, Codable, Sendable {
  /// The library's constructors, while it is loaded.
  case loading
  /// The plugin's `start`.
  case start
  /// The end of the jobs that `start` spawned, and the plugin's `stop`.
  case stop

  /// Names the code that exits or crashes.
  var subject: String {
    switch self {
    case .loading: "a constructor"
    case .start: "start"
    case .stop: "stop, or what start began,"
    }
  }

  /// Names where the time was spent.
  var place: String {
    switch self {
    case .loading: "in its constructors"
    case .start: "in start"
    case .stop: "in stop, or in what start began"
    }
  }
}

/// The limits of the child's runtime and of its process, which are those of workers.
package struct DryRunLimits: Codable, Sendable, Equatable {
  /// Bytes of a fiber's stack.
  package let stackSize: Int
  /// Nanoseconds.
  package let cancelGrace: Int64
  package let poolThreads: Int
  /// The name of the least severe level that is logged.
  package let logLevel: String
  /// What the child gives up before it loads a plugin, as workers do.
  package let confinement: Confinement

  package init(
    stackSize: Int, cancelGrace: Int64, poolThreads: Int, logLevel: String, confinement: Confinement = Confinement()
  ) {
    self.stackSize = stackSize
    self.cancelGrace = cancelGrace
    self.poolThreads = poolThreads
    self.logLevel = logLevel
    self.confinement = confinement
  }
}

/// What a plugin's `start` finds in its dry run.
package struct DryRunInputs: Codable, Sendable {
  /// Without the configured routes.
  let settings: PluginSettingValues
  /// The functions that the configured routes need.
  let functions: [WantedFunction]
  let handedOver: HandedOverState?
  let limits: PluginLimits

  package init(settings: PluginSettingValues, limits: PluginLimits = .none, handedOver: HandedOverState?) {
    self.settings = PluginSettingValues(prefix: settings.prefix, values: settings.values)
    (self.limits, self.handedOver) = (limits, handedOver)
    functions = settings.calls.map(WantedFunction.init)
  }
}
