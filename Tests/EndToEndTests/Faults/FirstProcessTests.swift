import Foundation
import Glibc
import TestSupport
import Testing

/// The host as the first process of a container, for which the kernel has no default actions of signals.
@Suite(.enabled(if: mayMakeNamespaces)) struct `The first process of a container` {
  fileprivate static let wrapper = ["unshare", "-pf", "--mount-proc", "--kill-child"]

  /// The number, outside of the container, of the process that has number 1 in it.
  private static func first(of host: Host) throws -> pid_t {
    try #require(host.children().first.flatMap { pid_t($0) })
  }

  @Test(arguments: [SIGTERM, SIGINT]) func `The host reloads and stops on signals although it is process 1`(
    number: Int32
  ) async throws {
    try await withHost([.sample("hello")], wrapper: Self.wrapper) { host in
      let first = try Self.first(of: host)
      let position = host.log.position
      kill(first, SIGHUP)
      try await host.log.line(after: position, containing: "reload done")
      kill(first, number)
      try await host.log.line(after: position, containing: "stopped")
      #expect(await host.child.status == .exited(0))
    }
  }
}

private let mayMakeNamespaces =
  (try? run("unshare", ["-pf", "--mount-proc", "true"]))?.status == .exited(0)
