import AmbitConfig
import Testing

/// The number of workers and of their event loops.
@Suite struct `Workers` {
  private func plan(_ text: String, cpus: Int, isSingle: Bool = false) throws -> WorkerPlan {
    try HostConfiguration.parse(text: text, file: "host.conf").workerPlan(usableCPUs: cpus, isSingle: isSingle)
  }

  @Test(arguments: [
    ("", 8, 1, 8), ("workers = 1", 1, 1, 1), ("workers = 2", 8, 2, 4), ("workers = 3", 8, 3, 2),
    ("workers = 16", 8, 16, 1), ("threads = 3", 8, 1, 3), ("workers = 2\nthreads = 5", 4, 2, 5),
    ("workers = 0", 6, 6, 1), ("workers = 0", 1, 1, 1), ("workers = 0\nthreads = 0", 4, 4, 1),
  ])
  func `The workers share the CPUs, with at least one event loop each`(
    text: String, cpus: Int, workers: Int, threads: Int
  ) throws {
    #expect(try plan(text, cpus: cpus) == WorkerPlan(workers: workers, threadsPerWorker: threads))
  }

  @Test(arguments: ["workers = 0", "workers = 1", "workers = 2"])
  func `A single process has one worker with all CPUs`(text: String) throws {
    #expect(try plan(text, cpus: 4, isSingle: true) == WorkerPlan(workers: 1, threadsPerWorker: 4))
  }

  @Test func `A single process has as many event loops as threads says`() throws {
    #expect(
      try plan("workers = 2\nthreads = 3", cpus: 8, isSingle: true) == WorkerPlan(workers: 1, threadsPerWorker: 3))
  }

  @Test func `A single process tells of a number of workers that it does not run`() throws {
    let notice = try HostConfiguration.parse(text: "workers = 2", file: "host.conf").singleProcessNotice
    #expect(notice == "--single runs one worker, in the process of the host; workers = 2 has no effect")
    #expect(HostConfiguration.defaults.singleProcessNotice == nil)
  }

  @Test func `A single process tells which keys about crashes and hangs have no effect`() throws {
    let text = "crash_dir = \"crashes\"\ncrash_limit = 1\n[limits]\nhang_limit = \"1s\""
    let notice = try HostConfiguration.parse(text: text, file: "host.conf").unsupervisedNotice
    #expect(notice?.hasSuffix("; crash_dir, crash_limit, limits.hang_limit have no effect") == true)
    #expect(HostConfiguration.defaults.unsupervisedNotice == nil)
  }

  @Test func `One worker for each CPU has one event loop, so threads must not be set`() {
    #expect(
      messages("workers = 0\nthreads = 2") == [
        "host.conf:2:1: threads: expected 0 beside workers = 0, which runs one worker with one event loop for each "
          + "CPU, found 2; remove threads, or set workers to a number"
      ])
    #expect(messages("workers = 0\nthreads = 0").isEmpty)
  }

  @Test func `Wrong numbers of workers and wrong times of crashes and hangs are errors that name the range`() {
    #expect(
      messages("workers = -1\nthreads = 2\ncrash_window = \"0s\"\n[limits]\nhang_limit = \"50ms\"") == [
        "host.conf:1:1: workers: expected an integer from 0 to 1024, found -1",
        #"host.conf:3:1: crash_window: expected a duration from 1s to 24h, found "0s""#,
        #"host.conf:5:1: limits.hang_limit: expected a duration from 100ms to 1h, or "0s" for no limit, found "50ms""#,
      ])
  }

  @Test func `Wrong limits of crash loops and of new generations are errors that name the range`() {
    #expect(
      messages("crash_limit = 0\nprove_requests = 0\nprove_time = \"25h\"") == [
        "host.conf:1:1: crash_limit: expected an integer from 1 to 10000, found 0",
        "host.conf:2:1: prove_requests: expected an integer from 1 to 1000000000, found 0",
        #"host.conf:3:1: prove_time: expected a duration from 0s to 24h, found "25h""#,
      ])
  }

  @Test func `No hang limit is written as 0s`() throws {
    let configuration = try HostConfiguration.parse(text: "limits.hang_limit = \"0s\"", file: "host.conf")
    #expect(configuration.limits.hangLimit == nil)
  }
}
