package import AmbitCore

/// What `host.conf` says, checked whole: every value here is in range and of the right form.
///
/// A property's initial value is the key's default. Paths are the text of the file; relative ones are meant relative to
/// the folder of the configuration file, and it is the decoder of that file who knows where it is.
package struct HostConfiguration: Sendable, Equatable {
  /// Where to accept connections; never empty. A port of 0 lets the system choose one.
  package var listen: [ListenAddress] = [.internet(address: [127, 0, 0, 1], port: 8080)]
  /// The directory whose `*.so` files are served; never empty.
  package var plugins = "Plugins"
  /// The directory for the host's own copies of the plugins; nil means one below the system's temporary directory.
  package var privateDirectory: String?
  /// The path of the admin API's socket; nil means none.
  package var admin: String? = ".ambit.sock"
  /// Event loops; 0 means one for each core the process may use.
  package var threads = 0
  /// Address space of one job's stack in bytes, a multiple of 4096.
  package var stackSize = 256 << 10
  /// Address space of the stack that a handler runs on, in bytes, a multiple of 4096. The most for which the page tables of
  /// a waiting handler stay below 3 KiB.
  package var handlerStackSize = 1408 << 10
  /// Threads, at most, for handlers and jobs that block.
  package var poolThreads = 64
  /// How much work may wait for one of these threads; more is refused.
  package var poolQueue = 1024
  /// What a plugin that does not load does to the start of the host.
  package var start = StartPolicy.strict
  /// How long requests in flight may go on after their generation was replaced or the host was told to stop.
  package var drainTimeout = Duration.seconds(10)
  /// How long what was cancelled may still take to return before the host goes on without it.
  package var cancelGrace = Duration.seconds(5)
  /// How long an event loop may take for one turn before that is reported; nil means as long as it likes.
  package var stallWarning: Duration? = .milliseconds(100)
  /// How long a plugin's file must have been unchanged before it is loaded.
  package var settle = Duration.milliseconds(100)
  /// The largest file that is loaded as a plugin, in bytes.
  package var maxPluginSize = 1 << 30
  /// How long a plugin's dry run in a child process may take, and its `start` and `save` in the live host.
  package var dryRunTimeout = Duration.seconds(10)
  /// Who may own and write the plugins' files and the folders on their way.
  package var trust = Trust.owner
  /// What becomes of a request whose client closes its sending side only, and may still read the response.
  package var halfClose = HalfClose.cancel
  /// Whether responses of plugins name the generation that made them.
  package var exposeGeneration = false
  package var limits = Limits()
  package var log = Log()
  /// The `[plugin.NAME]` tables by NAME.
  package var pluginSettings: [String: PluginSettings] = [:]
  /// The `[[route]]` entries in the order of the file.
  package var routes: [RouteSetting] = []

  /// What an empty file means.
  package static let defaults = HostConfiguration()

  package init() {}
}

extension HostConfiguration {
  /// The `start` key.
  package enum StartPolicy: String, Sendable, CaseIterable {
    /// A plugin that fails refuses the start.
    case strict
    /// A plugin that fails is reported and left out.
    case lenient
  }

  /// The `half_close` key.
  package enum HalfClose: String, Sendable, CaseIterable {
    /// The client counts as gone: the request's scope is cancelled with cause `disconnect`.
    case cancel
    /// The request goes on.
    case allow
  }

  /// The `trust` key.
  package enum Trust: String, Sendable, CaseIterable {
    /// Root and the user that the host runs as.
    case owner
    /// Everybody.
    case any
  }

  /// The `[limits]` table. Sizes are in bytes.
  package struct Limits: Sendable, Equatable {
    /// From the request's first byte to the end of its response; nil means no limit.
    package var requestTimeout: Duration? = .seconds(30)
    /// From the request's first byte to the end of its head.
    package var headerTimeout = Duration.seconds(10)
    /// Between two requests of a connection; nil means no limit.
    package var idleTimeout: Duration? = .seconds(75)
    package var maxBody = 8 << 20
    /// The request line and all header fields together.
    package var maxHead = 32 << 10
    /// The request target alone; at most `maxHead`.
    package var maxTarget = 8 << 10
    package var maxHeaders = 100
    /// Jobs alive at once in the scope of one request.
    package var jobsPerRequest = 10_000

    package init() {}
  }

  /// The `[log]` table.
  package struct Log: Sendable, Equatable {
    /// The least severe level that is written.
    package var level = Level.info
    package var format = Format.text

    package init() {}

    package enum Level: String, Sendable, CaseIterable {
      case trace, debug, info, notice, warning, error, critical
    }

    package enum Format: String, Sendable, CaseIterable {
      /// One readable line for each event.
      case text
      /// One JSON object on a line for each event.
      case json
    }
  }
}
