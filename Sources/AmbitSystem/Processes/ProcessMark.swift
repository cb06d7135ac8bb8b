internal import AmbitCore
internal import CLinux
internal import Glibc
internal import Synchronization

/// What tells the processes that a supervised process has started from all others, however far they have gone from it:
/// to other parents, sessions or control groups. They inherit it in two ways: as a variable of the environment, and as a
/// limit that the kernel does not look at, which a program keeps that clears its environment. Some systems refuse the
/// limit.
package struct ProcessMark: Hashable, Sendable, CustomStringConvertible {
  /// The variable of the environment that holds `description`.
  package static let variable = "AMBIT_WORKER"

  private let number: UInt64

  /// A mark that no other process has.
  package init() {
    let count = Self.count.wrappingAdd(1, ordering: .relaxed).newValue
    number = 1 << 52 | UInt64(clinux_random()) << 20 | UInt64(count & 0xfffff)
  }

  /// The mark that `description` of another value gave.
  package init?(_ text: String) {
    guard let number = UInt64(text) else { return nil }
    self.number = number
  }

  /// Its number, as the variable and `/proc/PID/limits` ("Max file locks") show it.
  package var description: String { String(number) }

  private static let count = Atomic<UInt32>(0)

  /// Those that this process was started with itself, as by code of a plugin. All that it starts has them, too.
  private static var own: [Self?] { [Self(ofLimit: 0), HostProcess.variable(variable).flatMap { Self($0) }] }

  /// The mark of a running process; nil if it has none but those of this process, or if the system does not tell.
  init?(of process: Int32) {
    if let found = Self(ofLimit: process), !Self.own.contains(found) {
      self = found
    } else if let found = Self(inEnvironmentOf: process), !Self.own.contains(found) {
      self = found
    } else {
      return nil
    }
  }

  /// The mark in the limit of a running process; 0 is this one.
  init?(ofLimit process: Int32) {
    let number = clinux_mark_of(process)
    // Others may have limited the locks of files, too.
    guard number >> 52 == 1 else {
      // For a process of another user prlimit(2) needs a privilege, which root in a container mostly lacks.
      guard number == CLINUX_MARK_HIDDEN, let listed = Self.listedLimit(of: process) else { return nil }
      self = listed
      return
    }
    self.number = number
  }

  /// The limit as proc_pid_limits(5) shows it to everybody: "Max file locks", then the soft value.
  private static func listedLimit(of process: Int32) -> Self? {
    let name = "Max file locks "
    guard let text = try? TextFile.read("/proc/\(process)/limits"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
      let value = line.dropFirst(name.count).split(separator: " ").first.flatMap({ UInt64($0) }), value >> 52 == 1
    else { return nil }
    return Self(String(value))
  }

  private init?(inEnvironmentOf process: Int32) {
    guard let bytes = try? TextFile.bytes("/proc/\(process)/environ") else { return nil }
    let beginning = Array("\(Self.variable)=".utf8)
    guard let entry = bytes.split(separator: 0).first(where: { $0.starts(with: beginning) }) else { return nil }
    self.init(String(fileName: entry.dropFirst(beginning.count)))
  }

  /// The argument of `clinux_run_child`.
  var limit: UInt64 { number }

  /// Kills all other processes with a mark of this one, which are those that it has started, directly or not, and looks
  /// again until there are none, at most ten times. For a process whose supervisor is gone, before it ends. Reads a file
  /// for each process of the system; without /proc it finds none.
  package static func killInheritors() {
    let own = Self.own
    for _ in 0..<10 {
      let numbers = ((try? namesInFolder("/proc")) ?? []).compactMap { Int32($0) }.filter { $0 != getpid() }
      let inheritors = numbers.filter { number in
        [Self(ofLimit: number), Self(inEnvironmentOf: number)].contains { $0 != nil && own.contains($0) }
      }
      // What has ended and is not reaped has no environment any more, but its limit.
      if inheritors.allSatisfy({ kill($0, SIGKILL) != 0 || ProcessTimes.hasEnded($0) }) { return }
      pauseThread(.milliseconds(1))
    }
  }
}
