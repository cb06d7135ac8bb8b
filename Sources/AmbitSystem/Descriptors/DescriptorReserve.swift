internal import CLinux
internal import Glibc
internal import Synchronization

/// Descriptors that stay free for the host itself: for reloads, with their child process and copies, and the admin API.
///
/// Clients cannot take them: what they connect gets no number from `limitForClients` on. Plugins can take any number, so
/// some are held open besides, and let go of when the host needs them.
public final class DescriptorReserve: Sendable {
  /// The process's.
  public static let shared = DescriptorReserve()

  /// So many are held open, as far as a quarter of the limit goes.
  private static var mostHeld: Int { 24 }
  /// So many numbers are left free by clients, besides one for each loop, as far as a quarter of the limit goes.
  private static var mostLeft: Int { 32 }

  private struct State {
    var held: [Int32] = []
    var lenders = 0
  }

  private let state = Mutex(State())
  private let lentCount = Atomic<Int>(0)

  /// The first number that no client of a server on so many loops gets, as the process's limit is now: getrlimit(2).
  public static func limitForClients(loops: Int) -> Int32 {
    let limit = HostProcess.descriptorLimit
    return Int32(clamping: limit - min(mostLeft + loops, limit / 4))
  }

  /// Whether the descriptors are let go of at present, so that nobody else should open any.
  public var isLent: Bool { lentCount.load(ordering: .relaxed) > 0 }

  /// Holds as many as it should, or as there are.
  public func fill() {
    state.withLock { state in
      if state.lenders == 0 { Self.fill(&state) }
    }
  }

  /// Lets `work` open descriptors, from any thread, although all others are taken.
  public func lend<Result, Failure: Error>(_ work: () throws(Failure) -> Result) throws(Failure) -> Result {
    state.withLock { state in
      state.lenders += 1
      Self.letGo(&state)
    }
    lentCount.add(1, ordering: .relaxed)
    defer {
      lentCount.subtract(1, ordering: .relaxed)
      state.withLock { state in
        state.lenders -= 1
        if state.lenders == 0 { Self.fill(&state) }
      }
    }
    return try work()
  }

  /// Lets go of one; false if none is held. `fill` takes it back.
  public func spendOne() -> Bool {
    state.withLock { state in
      guard let last = state.held.popLast() else { return false }
      clinux_close(last)
      return true
    }
  }

  private static func fill(_ state: inout State) {
    let wanted = min(mostHeld, HostProcess.descriptorLimit / 4)
    while state.held.count < wanted {
      let descriptor = state.held.first.map { clinux_duplicate($0) } ?? clinux_eventfd(0)
      guard descriptor >= 0 else { return }
      state.held.append(descriptor)
    }
  }

  private static func letGo(_ state: inout State) {
    for descriptor in state.held { clinux_close(descriptor) }
    state.held = []
  }
}
