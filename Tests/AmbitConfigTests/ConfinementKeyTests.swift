import Testing

@testable import AmbitConfig

/// The keys that confine workers.
@Suite struct `The keys of confinement` {
  private func parse(_ text: String) throws -> HostConfiguration {
    try HostConfiguration.parse(text: text, file: "host.conf")
  }

  @Test func `Users and groups are names or numbers, and empty ones are those of the host`() throws {
    let named = try parse("user = \"www-data\"\ngroup = 33")
    #expect(named.user == "www-data" && named.group == "33")
    let same = try parse("user = \"\"\ngroup = \"\"")
    #expect(same == .defaults && same.user == nil)
    #expect(messages("user = -1").first?.contains("user: expected the name or the number of a user") == true)
  }

  @Test func `Writable paths may be none, and each is a text`() throws {
    #expect(try parse("writable = []").writable == [])
    #expect(try parse("writable = [\"data\", \"/tmp\"]").writable == ["data", "/tmp"])
    #expect(
      messages("writable = [\"a\", \"\", 3]") == [
        "host.conf:1:18: writable[1]: expected the path of a file or a folder, found \"\"",
        "host.conf:1:22: writable[2]: expected the path of a file or a folder, found 3",
      ])
    #expect(messages("writable = \"/tmp\"").first?.contains("writable: expected an array of paths") == true)
  }

  @Test func `A limit of workers is a size, unlimited, or that of the host`() throws {
    let limits = try parse("[worker_limits]\nmemory = \"2GiB\"\ncore = 0\nfile_size = \"unlimited\"\nprocesses = 9")
      .workerLimits
    #expect(limits.memory == .bytes(2 << 30) && limits.core == .bytes(0) && limits.fileSize == .unlimited)
    #expect(limits.processes == 9 && limits.openFiles == 0)
    #expect(try parse("[worker_limits]\nmemory = \"\"").workerLimits.memory == nil)
    #expect(
      messages("[worker_limits]\nmemory = \"1MiB\"")
        == ["host.conf:2:1: worker_limits.memory: expected a size from 1GiB to 1024TiB, found \"1MiB\""])
  }

  @Test func `The single process is told which keys cannot confine it`() throws {
    #expect(HostConfiguration.defaults.unconfinedNotice == nil)
    let notice = try parse("user = \"nobody\"\n[worker_limits]\nprocesses = 1").unconfinedNotice
    #expect(notice?.hasSuffix("; user, worker_limits.processes have no effect") == true)
  }
}
