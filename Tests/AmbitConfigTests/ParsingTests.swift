import AmbitConfig
import AmbitCore
import Testing

@Suite struct `Parsing a configuration` {
  @Test(arguments: ["", "\n", "# nothing\n", "[limits]\n[log]\n[plugin]\n"])
  func `A file without keys gives the defaults`(text: String) throws {
    #expect(try HostConfiguration.parse(text: text, file: "host.conf") == .defaults)
  }

  @Test func `A configuration reads every key`() throws {
    let text = """
      listen = ["[::1]:0", "unix:/tmp/x", "*:81"]
      plugins = "/srv/plugins"
      private = "copies"
      admin = "/run/a.sock"
      workers = 2
      threads = 3
      stack_size = 65536
      handler_stack_size = "2MiB"
      pool_threads = 7
      pool_queue = 0
      start = "lenient"
      drain_timeout = "1m30s"
      cancel_grace = "1s"
      crash_window = "2m"
      crash_limit = 1000
      prove_requests = 5
      prove_time = "1m"
      settle = "0s"
      dry_run_timeout = "2s"
      trust = "any"
      stall_warning = "1s"
      half_close = "allow"
      expose_generation = true
      [limits]
      request_timeout = "5s"
      header_timeout = "6s"
      idle_timeout = "7s"
      max_body = "1GiB"
      max_head = "16KiB"
      max_target = 1000
      max_headers = 64
      jobs_per_request = 0
      hang_limit = "1500ms"
      [log]
      level = "debug"
      format = "json"
      """
    var expected = HostConfiguration()
    expected.listen = [
      ListenSetting(.internet(address: Array(repeating: 0, count: 15) + [1], port: 0)),
      ListenSetting(.unix(path: "/tmp/x")), ListenSetting(.any(port: 81)),
    ]
    expected.plugins = "/srv/plugins"
    expected.privateDirectory = "copies"
    expected.admin = .path("/run/a.sock")
    expected.workers = 2
    expected.threads = 3
    expected.stackSize = 65_536
    expected.handlerStackSize = 2 << 20
    expected.poolThreads = 7
    expected.poolQueue = 0
    expected.start = .lenient
    expected.drainTimeout = .seconds(90)
    expected.cancelGrace = .seconds(1)
    expected.crashWindow = .seconds(120)
    expected.crashLimit = 1000
    expected.proveRequests = 5
    expected.proveTime = .seconds(60)
    expected.settle = .zero
    expected.dryRunTimeout = .seconds(2)
    expected.trust = .any
    expected.stallWarning = .seconds(1)
    expected.halfClose = .allow
    expected.exposeGeneration = true
    expected.limits.requestTimeout = .seconds(5)
    expected.limits.headerTimeout = .seconds(6)
    expected.limits.idleTimeout = .seconds(7)
    expected.limits.maxBody = 1 << 30
    expected.limits.maxHead = 16 << 10
    expected.limits.maxTarget = 1000
    expected.limits.maxHeaders = 64
    expected.limits.jobsPerRequest = 0
    expected.limits.hangLimit = .milliseconds(1500)
    expected.log.level = .debug
    expected.log.format = .json
    #expect(try HostConfiguration.parse(text: text, file: "host.conf") == expected)
  }

  @Test func `A configuration may have dotted keys and inline tables for headers`() throws {
    let text = "limits.max_body = 1\nlog = { level = \"error\" }\nplugin = { a = { prefix = \"/a\" } }"
    let configuration = try HostConfiguration.parse(text: text, file: "host.conf")
    #expect(configuration.limits.maxBody == 1)
    #expect(configuration.log.level == .error)
    #expect(configuration.pluginSettings == ["a": PluginSettings(prefix: "/a")])
  }

  @Test func `A time limit of zero is no limit`() throws {
    let text = "stall_warning = \"0s\"\n[limits]\nrequest_timeout = \"0s\"\nidle_timeout = \"0ms\""
    let configuration = try HostConfiguration.parse(text: text, file: "host.conf")
    #expect(configuration.stallWarning == nil)
    #expect(configuration.limits.requestTimeout == nil)
    #expect(configuration.limits.idleTimeout == nil)
  }

  @Test func `An empty path of the admin socket is no admin socket`() throws {
    #expect(try HostConfiguration.parse(text: "admin = ''", file: "host.conf").admin == .off)
    #expect(try HostConfiguration.parse(text: "admin = 'auto'", file: "host.conf").admin == .automatic)
  }

  @Test func `Several listeners may let the system choose their ports`() throws {
    let configuration = try HostConfiguration.parse(text: #"listen = ["*:0", "*:0"]"#, file: "host.conf")
    #expect(configuration.listen.map(\.address) == [.any(port: 0), .any(port: 0)])
  }

  @Test func `The limits of a plugin are apart from its settings, and have their defaults`() throws {
    let text = """
      [plugin.a]
      requests = 7
      [plugin.a.limits]
      requests = 1
      alloc = "1GiB"
      threads = 2
      """
    let configuration = try HostConfiguration.parse(text: text, file: "host.conf")
    var limits = PluginLimits()
    (limits.requests, limits.alloc, limits.threads) = (1, 1 << 30, 2)
    #expect(configuration.pluginSettings == ["a": PluginSettings(values: ["requests": "7"], limits: limits)])
    #expect(configuration.limits(of: "a") == limits && configuration.limits(of: "b") == PluginLimits())
    #expect(limits.jobs == 50_000)
  }

  @Test func `The settings of a plugin are kept as text`() throws {
    let text = """
      [plugin."my plugin"]
      greeting = "Good \\"day\\"\\n"
      count = 3
      mask = 0xFF
      large = 1_000_000
      ratio = 1.5
      on = true
      "odd key" = ""
      """
    let settings = try HostConfiguration.parse(text: text, file: "host.conf").pluginSettings
    let values = [
      "greeting": "Good \"day\"\n", "count": "3", "mask": "255", "large": "1000000", "ratio": "1.5", "on": "true",
      "odd key": "",
    ]
    #expect(settings == ["my plugin": PluginSettings(values: values)])
  }

  @Test(arguments: ["", "/v1", "/v1/beta-2", "/~x/a.b"])
  func `Paths are accepted as prefixes`(prefix: String) throws {
    let configuration = try HostConfiguration.parse(text: "[plugin.a]\nprefix = '\(prefix)'", file: "host.conf")
    #expect(configuration.pluginSettings["a"]?.prefix == prefix)
  }
}
