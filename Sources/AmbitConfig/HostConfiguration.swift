internal import AmbitCore

/// The checked contents of `host.conf`. All values are valid and in range.
///
/// The initial value of a property is the default of its key. Paths are as in the file: relative paths are relative to
/// the folder of the configuration file, and the caller resolves them.
package struct HostConfiguration: Sendable, Equatable {
  /// The addresses on which the host accepts connections; never empty. With port 0 the system chooses a port.
  package var listen = [ListenSetting(.internet(address: [127, 0, 0, 1], port: 8080))]
  /// The directory of the plugins, `*.so`; never empty.
  package var plugins = "Plugins"
  /// The directory for the host's own copies of plugins; nil: the host chooses one.
  package var privateDirectory: String?
  /// Where the admin API's socket is.
  package var admin = AdminPlace.automatic
  /// The user that workers and dry runs run as, a name or a number; nil for the host's.
  package var user: String?
  /// The group that workers and dry runs run as, a name or a number; nil for the user's, or for the host's.
  package var group: String?
  /// Whether programs that plugins start get no rights that the workers have not.
  package var noNewPrivileges = false
  /// The files and folders that workers and dry runs may change; `/` for the whole file system.
  package var writable = ["/"]
  package var workerLimits = WorkerLimits()
  /// The number of worker processes; 0 for one for each CPU that the host may use. `workerPlan` gives the number that
  /// runs.
  package var workers = 1
  /// The number of event loops of each worker; 0 for the share of the worker in the CPUs that the host may use.
  /// `workerPlan` gives the number that runs.
  package var threads = 0
  /// The size of a job's stack in bytes of address space, a multiple of 4096.
  package var stackSize = 256 << 10
  /// The size of a handler's stack in bytes of address space, a multiple of 4096. The default is the largest size for
  /// which the page tables of a waiting handler stay below 3 KiB.
  package var handlerStackSize = 1408 << 10
  /// The most threads for handlers and jobs that block.
  package var poolThreads = 64
  /// The most handlers and jobs that wait for a pool thread. Further ones are refused.
  package var poolQueue = 1024
  /// What to do at the start with a plugin that fails to load.
  package var start = StartPolicy.strict
  /// How long running requests may continue after their generation was replaced or the host was told to stop.
  package var drainTimeout = Duration.seconds(10)
  /// How long jobs may take to return after they are cancelled.
  package var cancelGrace = Duration.seconds(5)
  /// How long a worker must serve before a crash counts as its first one, after which it is replaced without a delay.
  package var crashWindow = Duration.seconds(60)
  /// Where reports on the deaths of workers are written; nil for the folder `crashes` in the state folder.
  package var crashDirectory: String?
  /// How many crashes of a plugin within `crashWindow` quarantine it.
  package var crashLimit = 3
  /// How many requests prove a new generation: a crash before rolls it back.
  package var proveRequests = 100
  /// How long a new generation has to serve until it is proven, whatever its requests.
  package var proveTime = Duration.seconds(30)
  /// How long an event loop may be blocked before the host logs it; nil for no warning.
  package var stallWarning: Duration? = .milliseconds(100)
  /// How long the file of a plugin must be unchanged before the host loads it.
  package var settle = Duration.milliseconds(100)
  /// The largest file in bytes that the host loads as a plugin or library.
  package var maxPluginSize = 1 << 30
  /// How long a plugin's dry run in a child process may take, and its `start` and `save` in the live host.
  package var dryRunTimeout = Duration.seconds(10)
  /// Who may own and write the files of plugins and the folders of their paths.
  package var trust = Trust.owner
  /// What to do when a client half-closes the connection (shuts down its sending side).
  package var halfClose = HalfClose.cancel
  /// Whether responses of plugins name their generation.
  package var exposeGeneration = false
  package var limits = Limits()
  package var log = Log()
  /// The `[plugin.NAME]` tables by NAME.
  package var pluginSettings: [String: PluginSettings] = [:]
  /// The `[[route]]` entries in the order of the file.
  package var routes: [RouteSetting] = []
  /// Where in the file the keys are.
  package var places = SettingPlaces()

  /// The configuration of an empty file.
  package static let defaults = HostConfiguration()

  package init() {}

  /// Whether the file has the key `listen`.
  package var hasListen: Bool { listen.contains { $0.place.position != nil } }
}

extension HostConfiguration {
  /// The `start` key.
  package enum StartPolicy: String, Sendable, CaseIterable {
    /// The host does not start if a plugin fails.
    case strict
    /// The host reports a plugin that fails and serves the others.
    case lenient
  }

  /// The `admin` key.
  package enum AdminPlace: Sendable, Equatable {
    /// The host chooses the path of the socket.
    case automatic
    case path(String)
    /// There is no admin API.
    case off
  }

  /// The `half_close` key.
  package enum HalfClose: String, Sendable, CaseIterable {
    /// The client counts as gone: the host cancels the request's scope with cause `disconnect`.
    case cancel
    /// The request continues.
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
    /// From the request's first byte to the end of its response; nil for no limit.
    package var requestTimeout: Duration? = .seconds(30)
    /// From the request's first byte to the end of its head.
    package var headerTimeout = Duration.seconds(10)
    /// Between two requests of a connection; nil for no limit.
    package var idleTimeout: Duration? = .seconds(75)
    package var maxBody = 8 << 20
    /// The request line and all header fields together.
    package var maxHead = 32 << 10
    /// The request target alone; at most `maxHead`.
    package var maxTarget = 8 << 10
    package var maxHeaders = 100
    /// The most jobs that are alive at once in the scope of a request.
    package var jobsPerRequest = 10_000
    /// How long a worker may accept no connection, because its event loops are blocked, before the host replaces it;
    /// nil for any time.
    package var hangLimit: Duration? = .seconds(10)

    package init() {}
  }

  /// The `[worker_limits]` table: limits of the kernel for each worker and dry run. Sizes are in bytes.
  package struct WorkerLimits: Sendable, Equatable {
    /// Of address space; nil for the limit that the host has.
    package var memory: Limit?
    /// Processes and threads of the worker's user on this machine; 0 for the limit that the host has.
    package var processes = 0
    /// Descriptors; 0 for the limit that the host has.
    package var openFiles = 0
    /// Of a core dump; nil for the limit that the host has.
    package var core: Limit?
    /// Of a file that a worker writes; nil for the limit that the host has.
    package var fileSize: Limit?

    package init() {}

    package enum Limit: Sendable, Equatable {
      case bytes(Int)
      case unlimited
    }
  }

  /// The `[log]` table.
  package struct Log: Sendable, Equatable {
    /// The lowest level that is written.
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
