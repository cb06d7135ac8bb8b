import AmbitConfig
import Testing

@Suite struct `Configuration errors` {
  @Test(arguments: [
    (#"threads = "four""#, #"1:1: threads: expected an integer from 0 to 1024, found "four""#),
    ("pool_threads = 0", "1:1: pool_threads: expected an integer from 1 to 1024, found 0"),
    ("pool_queue = -1", "1:1: pool_queue: expected an integer from 0 to 1000000, found -1"),
    ("threads = 1.0", "1:1: threads: expected an integer from 0 to 1024, found 1.0"),
    ("threads = 1025", "1:1: threads: expected an integer from 0 to 1024, found 1025"),
    ("threads = -1", "1:1: threads: expected an integer from 0 to 1024, found -1"),
    ("threads = true", "1:1: threads: expected an integer from 0 to 1024, found true"),
    ("threads = []", "1:1: threads: expected an integer from 0 to 1024, found an empty array"),
    ("threads.x = 1", "1:1: threads: expected an integer from 0 to 1024, found a table"),
    ("plugins = ''", #"1:1: plugins: expected the path of a directory, found """#),
    ("private = 1", #"1:1: private: expected the path of a directory, or "" for the default one, found 1"#),
    ("expose_generation = 1", "1:1: expose_generation: expected true or false, found 1"),
    ("admin = 1", #"1:1: admin: expected "auto", the path of a socket, or "" for none, found 1"#),
    ("start = 'strikt'", #"1:1: start: expected "strict" or "lenient", found "strikt"; did you mean "strict"?"#),
    ("half_close = 'allows'", #"1:1: half_close: expected "cancel" or "allow", found "allows"; did you mean "allow"?"#),
    ("trust = 'all'", #"1:1: trust: expected "owner" or "any", found "all""#),
    ("start = 1", #"1:1: start: expected "strict" or "lenient", found 1"#),
    ("log.format = 'xml'", #"1:5: log.format: expected "text" or "json", found "xml""#),
    (
      "log.level = 'warn'",
      #"1:5: log.level: expected "trace", "debug", "info", "notice", "warning", "error" or "critical", found "warn""#
    ),
  ])
  func `An error of a value names the range or the choices`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test(arguments: [
    ("\n\nsettle = 5", #"3:1: settle: expected a duration such as "250ms" or "1m30s", found 5; did you mean "5s"?"#),
    ("settle = '5'", #"1:1: settle: expected a duration such as "250ms" or "1m30s", found "5"; did you mean "5s"?"#),
    ("settle = 'soon'", #"1:1: settle: expected a duration such as "250ms" or "1m30s", found "soon""#),
    (
      "settle = '1.5s'",
      #"1:1: settle: expected a duration such as "250ms" or "1m30s", found "1.5s"; "#
        + #"a fraction is written in a smaller unit, such as "1s500ms" for 1.5 seconds"#
    ),
    (
      "stall_warning = '2m'",
      #"1:1: stall_warning: expected a duration from 1ms to 1m, or "0s" for no limit, found "2m""#
    ),
    ("settle = '2m'", #"1:1: settle: expected a duration from 0s to 1m, found "2m""#),
    ("dry_run_timeout = '0s'", #"1:1: dry_run_timeout: expected a duration from 1ms to 10m, found "0s""#),
    ("cancel_grace = '2m'", #"1:1: cancel_grace: expected a duration from 0s to 1m, found "2m""#),
    ("drain_timeout = '25h'", #"1:1: drain_timeout: expected a duration from 0s to 24h, found "25h""#),
    (
      "limits.header_timeout = '0s'",
      #"1:8: limits.header_timeout: expected a duration from 1ms to 24h, found "0s""#
    ),
    (
      "limits.request_timeout = '1us'",
      #"1:8: limits.request_timeout: expected a duration from 1ms to 24h, or "0s" for no limit, found "1us""#
    ),
  ])
  func `An error of a duration says what a duration looks like`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test(arguments: [
    (
      "[limits]\nmax_body = '8 megs'",
      #"2:1: limits.max_body: expected a size such as "8MiB" or a number of bytes, found "8 megs""#
    ),
    (
      "[limits]\nmax_body = '8MB'",
      #"2:1: limits.max_body: expected a size such as "8MiB" or a number of bytes, found "8MB"; did you mean "8MiB"?"#
    ),
    ("limits.max_body = 1.5", #"1:8: limits.max_body: expected a size such as "8MiB" or a number of bytes, found 1.5"#),
    ("limits.max_body = -1", "1:8: limits.max_body: expected a size from 0B to 1TiB, found -1"),
    ("stack_size = '8KiB'", #"1:1: stack_size: expected a size from 16KiB to 64MiB, found "8KiB""#),
    (
      "handler_stack_size = '16KiB'",
      #"1:1: handler_stack_size: expected a size from 64KiB to 64MiB, found "16KiB""#
    ),
    ("stack_size = 17000", "1:1: stack_size: expected a multiple of 4096 bytes, found 17000"),
    (
      "limits.max_target = '64KiB'",
      "1:8: limits.max_target: expected at most limits.max_head, which is 32KiB, found 64KiB"
    ),
    (
      "limits.max_head = '4KiB'",
      "1:8: limits.max_head: expected at least limits.max_target, which is 8KiB, found 4KiB"
    ),
  ])
  func `An error of a size says what a size looks like`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test(arguments: [
    (
      "listen = '127.0.0.1:80'",
      #"1:1: listen: expected an array of addresses such as ["127.0.0.1:8080"], found "127.0.0.1:80""#
    ),
    ("listen = []", #"1:1: listen: expected an array of addresses such as ["127.0.0.1:8080"], found an empty array"#),
    (
      "listen = ['*:80', 81]",
      #"1:19: listen[1]: expected "ADDRESS:PORT", "[IPv6 ADDRESS]:PORT", "*:PORT" or "unix:PATH", found 81"#
    ),
    (
      "listen = ['localhost:80']",
      #"1:11: listen[0]: expected "ADDRESS:PORT", "[IPv6 ADDRESS]:PORT", "*:PORT" or "unix:PATH", "#
        + #"found "localhost:80"; host names are not looked up, write an IP address"#
    ),
    (
      "listen = ['[::1]:80', '[0:0::1]:80']",
      #"1:23: listen[1]: expected each address once, found "[::1]:80", which listen[0] has already"#
    ),
  ])
  func `An error of an address says what an address looks like`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test(arguments: [
    ("plugin = 1", "1:1: plugin: expected a table for each plugin, such as [plugin.hello], found 1"),
    ("plugin.hello = 1", "1:8: plugin.hello: expected a table of settings, [plugin.hello], found 1"),
    (
      "[plugin.hello]\nx = [1]",
      "2:1: plugin.hello.x: expected a string, a number or a boolean, found an array"
    ),
    (
      "[plugin.'my plugin']\nx = {}",
      #"2:1: plugin."my plugin".x: expected a string, a number or a boolean, found a table"#
    ),
    (
      "plugin.hello.x = 1979-05-27 07:32:00",
      "1:14: plugin.hello.x: expected a string, a number or a boolean, found a date or a time"
    ),
    (
      "[[plugin.hello.x]]\na = 1",
      "1:16: plugin.hello.x: expected a string, a number or a boolean, found an array"
    ),
  ])
  func `An error of a plugin's settings says what they look like`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test(arguments: [
    ("limits = 1", "plugin.a.limits: expected a table of limits, [plugin.a.limits], found 1"),
    (
      "limits.request = 1",
      #"plugin.a.limits: unknown key "request"; did you mean "requests"?"#
    ),
    ("limits.requests = 0", "plugin.a.limits.requests: expected an integer from 1 to 1000000, found 0"),
    ("limits.jobs = -1", "plugin.a.limits.jobs: expected an integer from 0 to 1000000, found -1"),
    ("limits.threads = 1025", "plugin.a.limits.threads: expected an integer from 1 to 1024, found 1025"),
    ("limits.alloc = 4095", "plugin.a.limits.alloc: expected a size from 4KiB to 1TiB, found 4095"),
  ])
  func `An error of a plugin's limits says what they look like`(text: String, message: String) {
    let found = messages("[plugin.a]\n\(text)").map { $0.replacing(#/^host.conf:2:\d+: /#, with: "") }
    #expect(found == [message])
  }

  @Test(arguments: ["v1", "/", "/v1/", "//v1", "/v1//x", "/../x", "/a/./b", "/{x}", "/a b", "/a?b", "/%41", "/é"])
  func `An error of a prefix says what a prefix looks like`(prefix: String) {
    let expected = #"a path such as "/v1", without "/" at its end and without parameters"#
    let message = "host.conf:2:1: plugin.a.prefix: expected \(expected), found \"\(prefix)\""
    #expect(messages("[plugin.a]\nprefix = '\(prefix)'") == [message])
  }

  @Test func `An error shows control characters escaped and long values truncated`() {
    let long = String(repeating: "é", count: 61)
    #expect(messages(#"start = "a\n\"\u001b""#).first?.hasSuffix(#"found "a\n\"\u{1B}""#) == true)
    #expect(messages("start = '\(long)'").first?.hasSuffix("found \"\(long.dropLast())…\"") == true)
  }
}
