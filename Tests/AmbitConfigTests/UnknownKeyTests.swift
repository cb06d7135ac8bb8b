import AmbitConfig
import Testing

@Suite struct `Unknown keys` {
  @Test(arguments: [
    ("\n\nlisen = []", #"3:1: unknown key "lisen"; did you mean "listen"?"#),
    ("[limts]", #"1:2: unknown table "limts"; did you mean "limits"?"#),
    ("[plugins_]\n", #"1:2: unknown table "plugins_"; did you mean "plugins"?"#),
    ("[limits]\nmax_boddy = 1", #"2:1: limits: unknown key "max_boddy"; did you mean "max_body"?"#),
    ("rehearsal_timeout = '1s'", #"1:1: unknown key "rehearsal_timeout"; did you mean "dry_run_timeout"?"#),
  ])
  func `An unknown key is refused with the nearest known one`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test(arguments: [
    ("max_body = 1", #"1:1: unknown key "max_body"; it belongs in [limits]"#),
    ("[log]\nthreads = 1", #"2:1: log: unknown key "threads"; it belongs above the first table"#),
    ("[limits]\nlevel = 'info'", #"2:1: limits: unknown key "level"; it belongs in [log]"#),
  ])
  func `An unknown key in the wrong table is refused with the right table`(text: String, message: String) {
    #expect(messages(text) == ["host.conf:" + message])
  }

  @Test func `An unknown key is refused with a list of the known ones if none is near`() {
    #expect(messages("log.colour = 1") == [#"host.conf:1:5: log: unknown key "colour"; known here: level, format"#])
    let known =
      "admin, cancel_grace, crash_dir, crash_limit, crash_window, drain_timeout, dry_run_timeout, "
      + "expose_generation, group, half_close, handler_stack_size, limits, listen, log, max_plugin_size, "
      + "no_new_privileges, plugin, plugins, pool_queue, pool_threads, private, prove_requests, prove_time, "
      + "route, settle, stack_size, stall_warning, start, threads, trust, user, worker_limits, workers, writable"
    #expect(messages(#""" = 1"#) == [#"host.conf:1:1: unknown key ""; known here: "# + known])
  }
}

@Suite struct `Tables` {
  @Test func `A table is refused if it is a value`() {
    #expect(messages("limits = 3") == ["host.conf:1:1: limits: expected a table, [limits], found 3"])
    #expect(messages("[[log]]") == ["host.conf:1:3: log: expected a table, [log], found an array"])
  }
}
