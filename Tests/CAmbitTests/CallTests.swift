import TestSupport
import Testing

@Suite struct `Calls through the handle` {
  /// The calls of ABI 1.0, in the order of their entries. A later minor version adds its own behind these.
  private let ofVersion1: [String] = """
    spawn spawn_call join join_all cancel cancel_job cancelled ref_cancelled open close deadline set_timeout shield
    on_cancel cancel_fd defer alloc cstr parent plugin_scope set get ref_of post
    sleep yield every wait_fd block event_new event_set event_reset event_wait channel_new send receive channel_close
    now
    method path target query_string scheme authority peer route_pattern request_id param query header header_count
    header_at body_length read body
    set_status set_header add_header respond begin write end send_file
    state set_state setting hand_over handed_over fail log extension bind
    draining
    """.split(whereSeparator: \.isWhitespace).map(String.init)

  @Test func `Each call has an entry in the table, in the order of the ABI`() throws {
    #expect(try HeaderText().entries.map(\.name) == ofVersion1)
  }

  @Test
  func `Each call says in a comment from where it may be made, whether it waits, what it returns, and since when`()
    throws
  {
    let header = try HeaderText()
    for entry in header.entries {
      let comment = try #require(header.comment(of: entry.name), "ambit_\(entry.name) has no comment")
      #expect(comment.contains(/\[(job|any thread|start|save)(, waits)?\]/), "ambit_\(entry.name): no tag")
      #expect(comment.contains(/\sReturns\s/), "ambit_\(entry.name): no Returns")
      #expect(comment.contains(/\sSince\s1\.0\s/), "ambit_\(entry.name): no Since")
    }
  }

  @Test func `Each call that takes a timeout waits`() throws {
    let header = try HeaderText()
    for entry in header.entries where entry.parameters.map(\.name).contains("timeout") && entry.name != "set_timeout" {
      #expect(header.comment(of: entry.name)?.contains("[job, waits]") == true, "ambit_\(entry.name)")
    }
  }

  @Test(arguments: Dialect.all)
  func `Each call passes every argument on in order and returns what the host returns`(compiler: Dialect) throws {
    let folder = try TemporaryFolder()
    let entries = try HeaderText().entries
    let source = try folder.write(FakeHostProgram(entries: entries).text, to: "fake_host.c")
    try compiler.compile([source, "-o", "fake_host"], in: folder)
    let result = try run(folder.path(of: "fake_host"), [])
    #expect(result.text.split(separator: "\n").map(String.init) == entries.map(\.name))
  }

  @Test(arguments: Dialect.all)
  func `The conveniences format, name and make values`(compiler: Dialect) throws {
    let folder = try TemporaryFolder()
    try compiler.compile([Sources.program("conveniences.c"), "-o", "conveniences"], in: folder)
    let result = try run(folder.path(of: "conveniences"), [])
    #expect(result.status == .exited(0) && result.text == "", "\(result.text)")
  }
}
