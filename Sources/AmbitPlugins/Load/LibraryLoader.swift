internal import AmbitCore
internal import AmbitRuntime
package import AmbitSystem
internal import Synchronization

/// Loads libraries on a thread of its own, one at a time: a constructor that never returns keeps that thread, and the
/// system's loader with it, but not who has asked for the library. For one thread at a time.
package final class LibraryLoader: Sendable {
  private let thread: WorkThread
  private let isStopping: @Sendable () -> Bool
  /// The plugin or library that is being loaded, and since when: nanoseconds since 1970.
  private let underWay = Mutex<(name: String, since: Int64)?>(nil)

  /// - Parameter isStopping: whether the host is to stop: nothing is waited for then.
  /// - Throws: if the system has no more threads.
  package init(isStopping: @escaping @Sendable () -> Bool) throws(SystemError) {
    self.isStopping = isStopping
    thread = try WorkThread(for: "loading", name: "ambit-loader")
  }

  /// Runs `work`, which loads the library of `plugin`, and waits for it for as long as `limit`. What returns later is left
  /// in memory, and of no use to anybody.
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

  /// Whether something is still being loaded.
  package var isBusy: Bool { underWay.withLock { $0 != nil } }

  /// - Throws: if something is still being loaded. The system's loader does one thing at a time, so whoever asks it for
  ///   anything, be it a function's address, would have to wait for that.
  package func refuseWhileBusy(_ file: PluginFile, of plugin: String) throws(PluginError) {
    guard let (name, since) = underWay.withLock({ $0 }) else { return }
    let reason = "the constructors of \(name) have not returned since \(Timestamp.text(of: since))"
    throw PluginError(.loadingHangs, file, plugin: plugin, "\(reason); nothing is loaded until they have")
  }
}
