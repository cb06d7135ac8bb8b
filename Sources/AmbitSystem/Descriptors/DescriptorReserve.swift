internal import CLinux
internal import Glibc
internal import Synchronization

/// Reserves descriptors for the host itself: for reloads, with their child process and copies, and for the admin API.
///
/// Clients cannot take them: a connection never gets a number from `limitForClients` on. Plugins can take any number,
/// so some are held open besides, and closed when the host needs them. From any thread.
public final class DescriptorReserve: Sendable {
  /// The one of this process.
  public static let shared = DescriptorReserve()

  /// Descriptors that are held open, but at most a quarter of the limit.
  private static var mostHeld: Int { 24 }
  /// Numbers that clients do not get, besides one per loop, but at most a quarter of the limit.
  private static var mostLeft: Int { 32 }

  private struct State {
    var held: [Int32] = []
    var lenders = 0
  }

  private let state = Mutex(State())
  private let lentCount = Atomic<Int>(0)

  /// The lowest number that no client of a server on so many loops gets, by the process's present limit: getrlimit(2).
  public static func limitForClients(loops: Int) -> Int32 {
    let limit = HostProcess.descriptorLimit
    return Int32(clamping: limit - left(of: limit, loops: loops))
  }

  /// The lowest limit with which a process that serves on so many loops has some descriptors for clients, beside those of
  /// its own and the listening sockets. What it inherits and what its plugins open comes on top.
  public static func leastLimit(loops: Int, sockets: Int) -> Int {
    leastLimit(besides: ownDescriptors + loops * descriptorsOfLoop, loops, sockets)
  }

  /// The same for this process, which has its loops and no listening sockets yet, with all that it has inherited.
  public func leastLimit(loops: Int, sockets: Int) -> Int {
    let numbers = 0..<Int32(clamping: min(HostProcess.descriptorLimit, Self.mostCounted))
    let open = numbers.count { fcntl($0, F_GETFD) >= 0 } - state.withLock { $0.held.count }
    return Self.leastLimit(besides: open, loops, sockets)
  }

  private static func leastLimit(besides open: Int, _ loops: Int, _ sockets: Int) -> Int {
    let needed = open + sockets + fewClients
    var limit = needed
    while limit - left(of: limit, loops: loops) - held(of: limit) < needed { limit += 1 }
    return limit
  }

  /// Numbers above are not looked at: so many descriptors are enough for any process.
  private static var mostCounted: Int { 16_384 }
  /// Some more than a process has open that serves nothing on no loop: standard streams, log, connection to the
  /// supervisor, lock of the private copies, and the like.
  private static var ownDescriptors: Int { 16 }
  /// An epoll instance and an eventfd.
  private static var descriptorsOfLoop: Int { 2 }
  /// Less would be of no use.
  private static var fewClients: Int { 8 }

  /// How many numbers clients do not get.
  private static func left(of limit: Int, loops: Int) -> Int { min(mostLeft + loops, limit / 4) }

  /// How many descriptors are held.
  private static func held(of limit: Int) -> Int { min(mostHeld, limit / 4) }

  /// Whether the descriptors are lent at present. Then nothing else should open any.
  public var isLent: Bool { lentCount.load(ordering: .relaxed) > 0 }

  /// Holds as many as it should again, or as many as the system gives. Has no effect while they are lent.
  public func fill() {
    state.withLock { state in
      if state.lenders == 0 { Self.fill(&state) }
    }
  }

  /// Runs `work`, which may open descriptors even if all others are taken.
  public func lend<Result, Failure: Error>(_ work: () throws(Failure) -> Result) throws(Failure) -> Result {
    state.withLock { state in
      state.lenders += 1
      Self.releaseAll(&state)
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

  /// Closes one, so that the caller can open a descriptor. `fill` reserves it again.
  /// - Returns: false if none is held.
  public func releaseOne() -> Bool {
    state.withLock { state in
      guard let last = state.held.popLast() else { return false }
      clinux_close(last)
      return true
    }
  }

  private static func fill(_ state: inout State) {
    let wanted = held(of: HostProcess.descriptorLimit)
    while state.held.count < wanted {
      let descriptor = state.held.first.map { clinux_duplicate($0) } ?? clinux_eventfd(0)
      guard descriptor >= 0 else { return }
      state.held.append(descriptor)
    }
  }

  private static func releaseAll(_ state: inout State) {
    for descriptor in state.held { clinux_close(descriptor) }
    state.held = []
  }
}
