import Foundation
import Glibc
import Logging
import TestSupport
import Testing

@testable import AmbitSystem

/// The service manager is told what the host does: sd_notify(3).
@Suite struct `The service manager` {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func manager(_ address: String, _ others: [String: String] = [:]) -> ServiceManager {
    ServiceManager(variables: others.merging(["NOTIFY_SOCKET": address]) { $1 })
  }

  @Test func `The service manager gets each state as one datagram`() async throws {
    let socket = try NotifySocket(in: folder.url)
    let manager = manager(socket.address)
    manager.ready(status: "serving 2 plugins")
    #expect(try await socket.next().lines == ["READY=1", "STATUS=serving 2 plugins"])
    manager.watchdog()
    #expect(try await socket.next().lines == ["WATCHDOG=1"])
    manager.status("draining")
    #expect(try await socket.next().lines == ["STATUS=draining"])
    manager.stopping(within: 15_400_000_000, status: "stopping")
    #expect(try await socket.next().lines == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=15400000", "STATUS=stopping"])
  }

  @Test func `A reload names the time at which it began, in microseconds of the monotonic clock`() async throws {
    let socket = try NotifySocket(in: folder.url)
    let before = Clock.monotonic / 1000
    manager(socket.address).reloading()
    let message = try await socket.next()
    let time = try #require(message["MONOTONIC_USEC"].flatMap { Int64($0) })
    #expect((before...(Clock.monotonic / 1000)).contains(time))
    #expect(message.lines == ["RELOADING=1", "MONOTONIC_USEC=\(time)", "STATUS=reloading"])
  }

  @Test func `The service manager may have a socket without a file`() async throws {
    let name = "@ambit-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    let socket = try NotifySocket(address: name)
    manager(name).ready(status: "serving")
    #expect(try await socket.next().lines.first == "READY=1")
  }

  @Test func `A status stays one line, so that it cannot forge another one`() async throws {
    let socket = try NotifySocket(in: folder.url)
    manager(socket.address).status("a\nMAINPID=1")
    #expect(try await socket.next().lines == ["STATUS=a\\nMAINPID=1"])
  }

  @Test func `A service manager that does not read its messages delays nobody`() throws {
    let socket = try NotifySocket(in: folder.url)
    let manager = manager(socket.address)
    for _ in 0..<5000 { manager.watchdog() }
    #expect(socket.nextSoFar()?.lines == ["WATCHDOG=1"])
  }

  @Test(arguments: ["", "relative", "vsock:2:1234", "/nowhere/notify", "/" + String(repeating: "a", count: 200)])
  func `An address that cannot be used has no effect`(address: String) {
    let manager = manager(address)
    manager.ready(status: "serving")
    manager.stopping(within: 0, status: "stopping")
  }

  @Test func `The watchdog wants a message in half of its time`() {
    #expect(manager("/a", ["WATCHDOG_USEC": "30000000"]).watchdogInterval == 15_000_000_000)
    let own = ["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "\(getpid())"]
    #expect(manager("/a", own).watchdogInterval == 500_000)
    #expect(manager("/a", ["WATCHDOG_USEC": "\(Int64.max)"]).watchdogInterval ?? 0 > 0)
  }

  @Test(arguments: [
    [:], ["WATCHDOG_USEC": "0"], ["WATCHDOG_USEC": "soon"], ["WATCHDOG_USEC": "-5"],
    ["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"], ["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "x"],
  ])
  func `There is no watchdog without a time, and none that is meant for another process`(variables: [String: String]) {
    #expect(manager("/a", variables).watchdogInterval == nil)
    #expect(ServiceManager(variables: ["WATCHDOG_USEC": "1000"]).watchdogInterval == nil)
  }

  @Test func `Variables that are taken are gone from the environment`() async {
    await #expect(processExitsWith: .success) {
      setenv("AMBIT_TAKEN", "value", 1)
      precondition(HostProcess.takeVariables(["AMBIT_TAKEN", "AMBIT_ABSENT"]) == ["AMBIT_TAKEN": "value"])
      precondition(getenv("AMBIT_TAKEN") == nil)
    }
  }
}
