internal import CCrash
internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

// Code of a plugin may replace handlers of the host: those of `Signals`, and those of crash reports.

extension Signals {
  /// How often the host looks whether its handlers are still there, in nanoseconds. A signal that arrives in between is
  /// the other code's: it may be lost, or end the host without a report. Looking costs fourteen calls of sigaction(2).
  static var reclaimInterval: Int64 { 20_000_000 }

  /// When a line may be logged again. Code that replaces a handler again and again would fill the log.
  private static let logLimits = Mutex<[String: LogRateLimit]>([:])

  /// Installs the host's handlers again where code of `plugin`, which has just run, or of any plugin has replaced them,
  /// and logs it. The host must stop on SIGTERM, whatever a plugin handles, and report crashes. Allocates nothing if they
  /// are in place. From any thread.
  public static func reclaim(from plugin: String?) {
    var lost = clinux_lost_signal()
    while unsafe clinux_reclaim_signal(&lost) {
      // system(3) ignores SIGINT while its command runs.
      if plugin == nil, lost.number == SIGINT, lost.handler == 0 { continue }
      log(lost, plugin)
    }
    var rival = ccrash_rival()
    guard unsafe ccrash_reclaim_signal(&rival) else { return }
    var rivals: [Rival: [String]] = [:]
    repeat {
      rivals[Rival(rival), default: []].append(ProcessEnd.name(ofSignal: rival.signal))
    } while unsafe ccrash_reclaim_signal(&rival)
    for (rival, signals) in rivals { log(rival, signals, plugin) }
  }

  private static func log(_ signal: clinux_lost_signal, _ plugin: String?) {
    let name = ProcessEnd.name(ofSignal: signal.number)
    var place = unsafe clinux_place()
    let isKnown = unsafe signal.handler != 0 && clinux_find_place(signal.handler, &place)
    let library = isKnown ? unsafe String(cString: place.file).split(separator: "/").last.map(String.init) : nil
    let what = signal.handler == 0 ? "has reset or ignored" : "has installed a handler for"
    let consequence = signal.handler == 0 ? "" : ", so the other does not run"
    let text = "\(library ?? "plugin code") \(what) \(name); the host has installed its own handler again"
    log(.warning, text + consequence, plugin)
  }

  /// Whose handlers of fatal signals the host has found in place of its own.
  private struct Rival: Hashable {
    /// The file; empty if the handler lies in none, or if there is none.
    let library: String
    /// The label of its plugin; nil if that is not known.
    let plugin: String?
    /// The signal was reset or ignored.
    let isReset: Bool

    init(_ rival: ccrash_rival) {
      func text(_ bytes: some Any) -> String {
        unsafe withUnsafeBytes(of: bytes) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      }
      library = text(rival.library)
      let label = text(rival.plugin)
      plugin = label.isEmpty ? nil : label
      isReset = rival.is_reset
    }
  }

  private static func log(_ rival: Rival, _ signals: [String], _ plugin: String?) {
    let isOne = signals.count == 1
    let list = isOne ? signals[0] : signals.dropLast().joined(separator: ", ") + " and \(signals.last!)"
    if rival.isReset {
      let text = "plugin code has reset the \(isOne ? "handler" : "handlers") of \(list)"
      return log(.warning, "\(text); the host has installed its crash report again", plugin)
    }
    log(
      .notice,
      """
      \(rival.library.isEmpty ? "code in no library" : rival.library) has installed \
      \(isOne ? "a handler" : "handlers") for \(list); \(isOne ? "it runs" : "they run") after the host's crash report
      """, plugin, of: rival.plugin)
  }

  /// - Parameters:
  ///   - plugin: whose code has just run; nil if the host looks by itself, and may find the same again soon.
  ///   - owner: the plugin whose handler it is; nil if that is not known.
  private static func log(_ level: Logger.Level, _ text: String, _ plugin: String?, of owner: String? = nil) {
    if plugin == nil {
      guard logLimits.withLock({ $0[text, default: LogRateLimit()].permits(at: Clock.monotonic) }) else { return }
    }
    Logger(label: "ambit").log(
      level: level, "\(text)\(plugin == nil ? "; \(LogRateLimit.note)" : "")",
      metadata: (plugin ?? owner).map { ["plugin": "\($0)"] } ?? [:])
  }
}
