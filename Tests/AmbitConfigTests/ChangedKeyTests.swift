import AmbitCore
import Testing

@testable import AmbitConfig

/// What a reload does with keys that have changed.
@Suite struct `Changed keys at a reload` {
  /// Every key of the configuration. A new key must say here what its change means for a running host.
  private static let effects: [String: ConfigurationKey.Effect] = [
    "listen": .atReload, "plugins": .atReload, "private": .atNextStart, "admin": .atNextStart,
    "workers": .inNewWorkers, "threads": .inNewWorkers, "stack_size": .inNewWorkers,
    "handler_stack_size": .inNewWorkers, "pool_threads": .inNewWorkers, "pool_queue": .inNewWorkers,
    "user": .inNewWorkers, "group": .inNewWorkers, "no_new_privileges": .inNewWorkers, "writable": .inNewWorkers,
    "start": .duringStarts, "drain_timeout": .atReload, "cancel_grace": .inNewWorkers, "crash_window": .atReload,
    "crash_dir": .atReload,
    "crash_limit": .atReload, "prove_requests": .atReload, "prove_time": .atReload,
    "stall_warning": .inNewWorkers, "settle": .atReload, "max_plugin_size": .atReload, "dry_run_timeout": .atReload,
    "trust": .atReload, "half_close": .atReload, "expose_generation": .atReload, "limits.request_timeout": .atReload,
    "limits.header_timeout": .atReload, "limits.idle_timeout": .atReload, "limits.max_body": .atReload,
    "limits.max_head": .atReload, "limits.max_target": .atReload, "limits.max_headers": .atReload,
    "limits.jobs_per_request": .atReload, "limits.hang_limit": .atReload, "log.level": .atReload,
    "log.format": .atNextStart, "worker_limits.memory": .inNewWorkers, "worker_limits.processes": .inNewWorkers,
    "worker_limits.open_files": .inNewWorkers, "worker_limits.core": .inNewWorkers,
    "worker_limits.file_size": .inNewWorkers,
  ]

  /// A configuration in which every key has another value than its default.
  private static let other = """
    listen = ["[::1]:80"]
    plugins = "Other"
    private = "copies"
    admin = "admin.sock"
    user = "www-data"
    group = "www-data"
    no_new_privileges = true
    writable = []
    workers = 2
    threads = 3
    stack_size = "64KiB"
    handler_stack_size = "64KiB"
    pool_threads = 1
    pool_queue = 0
    start = "lenient"
    drain_timeout = "1s"
    cancel_grace = "1s"
    crash_window = "1s"
    crash_dir = "crashes"
    crash_limit = 1
    prove_requests = 1
    prove_time = "0s"
    stall_warning = "0s"
    settle = "0s"
    max_plugin_size = "4KiB"
    dry_run_timeout = "1s"
    trust = "any"
    half_close = "allow"
    expose_generation = true
    [limits]
    request_timeout = "1s"
    header_timeout = "1s"
    idle_timeout = "1s"
    max_body = 0
    max_head = "16KiB"
    max_target = "1KiB"
    max_headers = 1
    jobs_per_request = 0
    hang_limit = "1s"
    [worker_limits]
    memory = "1GiB"
    processes = 100
    open_files = 1000
    core = 0
    file_size = "unlimited"
    [log]
    level = "debug"
    format = "json"
    """

  private func parse(_ text: String) throws -> HostConfiguration {
    try HostConfiguration.parse(text: text, file: "host.conf")
  }

  /// The keys of the list, in its order, that have one of the effects.
  private func keys(_ wanted: ConfigurationKey.Effect...) -> [String] {
    ConfigurationKey.all.map(\.path.description).filter { Self.effects[$0].map(wanted.contains) == true }
  }

  @Test func `Every key says what its change means for a running host`() {
    let found = ConfigurationKey.all.map { ($0.path.description, $0.takesEffect) }
    #expect(Dictionary(uniqueKeysWithValues: found) == Self.effects)
  }

  @Test func `The keys that a running worker cannot take over need new workers`() throws {
    let changed = try parse(Self.other)
    #expect(changed.keysNeedingNewWorkers(since: .defaults) == keys(.inNewWorkers))
    #expect(changed.keysNeedingNewWorkers(since: changed).isEmpty)
  }

  @Test func `A host ignores until its next start what only its start reads`() throws {
    let changed = try parse(Self.other)
    #expect(changed.keysIgnored(since: .defaults, isSingle: false) == keys(.atNextStart))
    #expect(changed.keysIgnored(since: changed, isSingle: false).isEmpty)
  }

  @Test func `A single process also ignores what needs new workers`() throws {
    let changed = try parse(Self.other)
    #expect(changed.keysIgnored(since: .defaults, isSingle: true) == keys(.atNextStart, .inNewWorkers))
  }

  @Test func `Only keys with another value count as changed`() throws {
    let start = try parse("threads = 2")
    let same = try parse("threads = 2\nstall_warning = \"0h100ms\"")
    #expect(same.keysNeedingNewWorkers(since: start).isEmpty)
    let changed = try parse("private = \"copies\"\nstart = \"lenient\"\nlimits.max_body = 5")
    #expect(changed.keysNeedingNewWorkers(since: start) == ["threads"])
    #expect(changed.keysIgnored(since: start, isSingle: false) == ["private"])
  }
}
