internal import AmbitSystem
internal import Logging

/// Tells the service manager again and again that the host works, while it does: WatchdogSec= in systemd.service(5). A
/// host that does not work is ended by the service manager.
enum ServiceWatchdog {
  /// How long the host may take to show that it works, in nanoseconds: on a busy machine it may be slow.
  private static var longestWait: Int64 { 1_000_000_000 }
  /// Between two looks at a host that does not work, in nanoseconds.
  private static var pause: Int64 { 10_000_000 }

  /// Starts a thread for the messages; none if `manager` expects none.
  /// - Parameter works: whether the host works, as far as that shows within so many nanoseconds, which it may block for.
  ///   Called on the thread.
  /// - Throws: if the system has no more threads.
  static func start(
    _ manager: ServiceManager, while works: @escaping @Sendable (Int64) -> Bool
  ) throws(HostError) {
    guard let interval = manager.watchdogInterval else { return }
    do throws(SystemError) {
      try SystemThread(for: "the watchdog of the service manager") { run(manager, interval, works) }.detach()
    } catch {
      throw HostError(error)
    }
  }

  private static func run(_ manager: ServiceManager, _ interval: Int64, _ works: (Int64) -> Bool) -> Never {
    let wait = min(interval / 2, longestWait)
    while true {
      let began = Clock.monotonic
      if !works(wait) {
        reportSilence(interval * 2)
        repeat { pauseThread(.nanoseconds(pause)) } while !works(wait)
      }
      manager.watchdog()
      pauseThread(.nanoseconds(max(interval - (Clock.monotonic - began), 1_000_000)))
    }
  }

  private static func reportSilence(_ limit: Int64) {
    Logger(label: "ambit").warning(
      """
      an event loop is blocked, or no worker serves, so the service manager gets no message of the watchdog; it ends the \
      host if that lasts
      """, metadata: ["limit_ms": "\(limit / 1_000_000)"])
  }
}
