internal import AmbitCore
internal import CLinux
internal import Glibc
internal import Logging
internal import Synchronization

/// Tells the service manager that has started this process, mostly systemd, what the process does: the protocol of
/// sd_notify(3), a datagram of lines to the socket that NOTIFY_SOCKET names. Without that variable nothing is sent.
///
/// Its functions are for any thread and never block. If a message cannot be sent, the first time is logged, and nothing
/// else happens.
public final class ServiceManager: Sendable {
  /// The one of this process.
  public static let ofProcess = ServiceManager(
    variables: HostProcess.takeVariables(["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]))

  /// Takes the variables of the service manager out of the environment, so that children and plugins do not speak in
  /// the name of the host. Call it before other threads are started: they may read the environment. A second call has
  /// no effect.
  public static func takeVariables() { _ = ofProcess }

  /// The variables that were taken, for a program that replaces this one: execve(2).
  public let variables: [String: String]
  /// How often the service manager expects a message of the watchdog, in nanoseconds: half of the time after which it
  /// ends the process. Nil if it expects none: WatchdogSec= in systemd.service(5).
  public let watchdogInterval: Int64?
  private let hasFailed = Atomic<Bool>(false)
  /// The text that the operator sees.
  private let shown = Mutex("")

  /// - Parameter variables: those of the environment that are about the service manager.
  package init(variables: [String: String]) {
    self.variables = variables
    watchdogInterval = Self.watchdogInterval(variables)
  }

  /// The host serves, for the first time or after a reload.
  /// - Parameter status: what it serves, for the operator: `systemctl status` shows it.
  public func ready(status: String) { send("READY=1", line(status)) }

  /// A reload has begun. `ready` follows, whatever its result is.
  public func reloading() {
    // Newer versions of systemd wait for ever if the time is missing.
    send("RELOADING=1", "MONOTONIC_USEC=\(Clock.monotonic / 1000)", line("reloading"))
  }

  /// The host stops.
  /// - Parameter limit: the most that takes, in nanoseconds. The service manager does not kill the host before, also if
  ///   TimeoutStopSec= is shorter.
  public func stopping(within limit: Int64, status: String) {
    send("STOPPING=1", "EXTEND_TIMEOUT_USEC=\(max(limit, 0) / 1000)", line(status))
  }

  /// Changes the text that the operator sees, and nothing else. Sends nothing if it is the same.
  public func status(_ text: String) {
    if shown.withLock({ $0 != text }) { send(line(text)) }
  }

  /// The host works: the service manager counts the time of the watchdog from the beginning.
  public func watchdog() { send("WATCHDOG=1") }

  private func line(_ status: String) -> String {
    shown.withLock { $0 = status }
    return "STATUS=\(status.printable)"
  }

  private static func watchdogInterval(_ variables: [String: String]) -> Int64? {
    guard variables["NOTIFY_SOCKET"] != nil, let limit = variables["WATCHDOG_USEC"].flatMap({ Int64($0) }), limit > 0
    else { return nil }
    // The process that started this one may be the one to be watched.
    if let process = variables["WATCHDOG_PID"], Int32(process) != HostProcess.identifier { return nil }
    return min(limit, .max / 1000) * 1000 / 2
  }
}

extension ServiceManager {
  private func send(_ lines: String...) {
    guard let name = variables["NOTIFY_SOCKET"], !name.isEmpty else { return }
    guard let address = Self.address(name) else {
      return report(name, "expected the absolute path of a socket, or \"@\" and the name of one without a file")
    }
    do throws(SystemError) {
      try Self.send(lines.joined(separator: "\n"), to: address)
    } catch {
      report(name, SystemError.text(error.code))
    }
  }

  /// "/run/systemd/notify" is a file, "@name" is in the abstract namespace. Nil for others, such as "vsock:2:1234".
  private static func address(_ name: String) -> SocketAddress? {
    guard name.utf8.count <= ListenAddress.longestPath else { return nil }
    if name.hasPrefix("@") { return SocketAddress(abstract: String(name.dropFirst())) }
    return name.hasPrefix("/") ? SocketAddress(.unix(path: name)) : nil
  }

  private static func send(_ text: String, to address: SocketAddress) throws(SystemError) {
    let descriptor = try openSocket()
    defer { close(descriptor) }
    var address = address
    let bytes = Array(text.utf8)
    let sent = unsafe address.withPointer {
      unsafe sendto(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL), $0, $1.pointee)
    }
    guard sent >= 0 else { throw SystemError(operation: "sendto") }
  }

  /// A socket for one message: code of a plugin could close one that stays open. Clients may have taken all descriptors
  /// but those in reserve.
  private static func openSocket() throws(SystemError) -> Int32 {
    let type = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = clinux_lift(socket(AF_UNIX, type, 0))
    if descriptor >= 0 { return descriptor }
    guard [EMFILE, ENFILE].contains(errno) else { throw SystemError(operation: "socket") }
    return try DescriptorReserve.shared.lend { () throws(SystemError) in
      try SystemError.check("socket", clinux_lift(socket(AF_UNIX, type, 0)))
    }
  }

  private func report(_ name: String, _ reason: String) {
    guard !hasFailed.exchange(true, ordering: .relaxed) else { return }
    Logger(label: "ambit").warning(
      """
      the service manager cannot be told what the host does, so it may wait for the host or end it: \
      NOTIFY_SOCKET=\(name): \(reason); logged once
      """)
  }
}
