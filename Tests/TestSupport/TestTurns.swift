/// Waits until no other test is ready to run.
///
/// The runner starts all tests at once, and Swift runs tasks on as many threads as there are cores, first come, first
/// served. So a test that waits for a process goes on only after all tests that have not begun yet: on two busy cores a
/// minute later, when a time limit of the process may be over. A test that starts a host therefore waits here first.
@concurrent
package func otherTestsHaveRun() async {
  let clock = ContinuousClock()
  // Several turns, since suites start their tests and tests their cases.
  while await clock.measure({ for _ in 0..<10 { await Task.yield() } }) > .seconds(1) {}
}
