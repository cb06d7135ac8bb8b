import AmbitSystem
import CLinux
import Glibc
import Testing

@testable import AmbitRuntime

@Suite struct `A descriptor that loops share` {
  private struct Record {
    var watch: IOWatch
    let told: Latch<Void>
  }

  /// An epoll instance takes the place of what an older system refuses: no system lets loops share it exclusively.
  @Test func `Loops can share a descriptor even if the kernel cannot wake only one of them`() throws {
    let group = try LoopGroup(count: 1, table: HostTable { _ in }, limits: RuntimeLimits())
    defer { group.stop() }
    let (inner, event) = (epoll_create1(clinux_epoll_cloexec), eventfd(1, clinux_efd_flags))
    defer { for descriptor in [inner, event] { close(descriptor) } }
    var readable = epoll_event(events: IOEvents.readable, data: epoll_data_t(u64: 0))
    #expect(epoll_ctl(inner, EPOLL_CTL_ADD, event, &readable) == 0)
    let told = Latch<Void>(expected: 1)
    let refused = group.onEach { loop in
      let record = UnsafeMutablePointer<Record>.allocate(capacity: 1)
      record.initialize(
        to: Record(
          watch: IOWatch { watch, _ in
            let record = watch.assumingMemoryBound(to: Record.self)
            record.pointee.told.arrive(())
          }, told: told))
      let watch = UnsafeMutableRawPointer(record).assumingMemoryBound(to: IOWatch.self)
      do throws(SystemError) {
        try loop.watchShared(inner, watch, for: IOEvents.readable | IOEvents.once)
        return Int32(0)
      } catch {
        return error.code
      }
    }
    #expect(refused == [0])
    _ = told.wait()
  }
}
