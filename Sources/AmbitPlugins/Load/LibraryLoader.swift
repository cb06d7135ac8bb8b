internal import AmbitCore
internal import AmbitRuntime
package import AmbitSystem
internal import Synchronization

/// Loads libraries on a thread of its own, one at a time. A constructor that hangs blocks that thread and the system's
/// loader, but not the caller. For one thread at a time.
package final class LibraryLoader: Sendable {
  private let thread: WorkThread
  private let isStopping: @Sendable () -> Bool
  /// The plugin or library that is being loaded, and since when: nanoseconds since 1970.
  private let underWay = Mutex<(name: String, since: Int64)?>(nil)

  /// - Parameter isStopping: Whether the host is to stop: then a wait ends.
  /// - Throws: if the system has no more threads.
  package init(isStopping: @escaping @Sendable () -> Bool) throws(SystemError) {
    self.isStopping = isStopping
    thread = try WorkThread(for: "loading", name: "ambit-loader")
  }

  /// Runs `work`, which loads the library of `plugin`, and waits for it, at most `limit`. A library that is loaded
  /// later stays in memory, unused.
  package func load<Library: Sendable>(
    _ file: PluginFile, of plugin: String, within limit: Duration,
    _ work: @escaping @Sendable () throws(PluginError) -> Library
  ) throws(PluginError) -> Library {
    try refuseWhileBusy(file, of: plugin)
    let latch = Latch<Result<Library, PluginError>>()
    underWay.withLock { $0 = (plugin, Clock.wall) }
    thread.post { [self] in
      let result = CrashReport.noting("constructor", of: plugin) {
        Result { () throws(PluginError) in try work() }
      }
      underWay.withLock { $0 = nil }
      latch.arrive(result)
    }
    guard let result = latch.wait(timeout: limit.wholeNanoseconds, unless: isStopping)?.first else {
      throw PluginError(
        .loadingHangs, file, plugin: plugin, "its constructors have not returned after \(limit.shortText)")
    }
    return try result.get()
  }

  /// Whether a library is being loaded.
  package var isBusy: Bool { underWay.withLock { $0 != nil } }

  /// - Throws: if a library is being loaded. The system's loader holds a lock meanwhile, so every other call of the
  ///   loader, even the lookup of a function, would wait.
  package func refuseWhileBusy(_ file: PluginFile, of plugin: String) throws(PluginError) {
    guard let (name, since) = underWay.withLock({ $0 }) else { return }
    let reason = "the constructors of \(name) have not returned since \(Timestamp.text(of: since))"
    throw PluginError(.loadingHangs, file, plugin: plugin, "\(reason); nothing is loaded until they return")
  }
}
