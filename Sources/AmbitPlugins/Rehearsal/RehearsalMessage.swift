package import AmbitRuntime

/// What the host tells the process that rehearses.
enum RehearsalOrder {
  /// The first message: what the host's own runtime is like.
  case begin(RehearsalRuntime)
  /// A library that is used in place has no hash; `after` is to be opened before it.
  case load(copy: String, file: PluginFile, hash: String?, after: [String])
  /// Answers the manifest.
  case start(RehearsalCast)
  /// Answers the manifest too: no more of this plugin.
  case pass
}

/// What the process that rehearses tells the host.
enum RehearsalReply {
  case began(RehearsalStep)
  case manifest(PluginManifest)
  case refused([PluginError])
  /// The plugin has started and stopped, or the library has the functions; in these images.
  case passed(functionImages: [String])
  case log(RelayLogHandler.Event)
}

/// The limits under which plugins are rehearsed: those that they will run under.
package struct RehearsalRuntime: Sendable, Equatable {
  /// Bytes of a fiber's stack.
  package let stackSize: Int
  /// Nanoseconds.
  package let cancelGrace: Int64
  package let poolThreads: Int
  /// The least severe level that is logged, by its name.
  package let logLevel: String

  package init(stackSize: Int, cancelGrace: Int64, poolThreads: Int, logLevel: String) {
    self.stackSize = stackSize
    self.cancelGrace = cancelGrace
    self.poolThreads = poolThreads
    self.logLevel = logLevel
  }
}

/// What a plugin's `start` finds.
package struct RehearsalCast: Sendable {
  /// Without the configured routes.
  let settings: PluginSettingValues
  /// What must be there for the configured routes.
  let functions: [WantedFunction]
  let handedOver: HandedOverState?

  package init(settings: PluginSettingValues, handedOver: HandedOverState?) {
    self.settings = settings
    self.handedOver = handedOver
    functions = settings.calls.map(WantedFunction.init)
  }

  init(settings: PluginSettingValues, functions: [WantedFunction], handedOver: HandedOverState?) {
    self.settings = settings
    self.functions = functions
    self.handedOver = handedOver
  }
}
