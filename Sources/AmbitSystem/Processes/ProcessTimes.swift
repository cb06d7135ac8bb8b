package import AmbitCore
internal import Glibc

/// What the system tells about other processes: proc(5). Reads some small files of /proc, and does not wait for the
/// process. Nothing is told without /proc, or about processes of other users if the system is set up so.
package enum ProcessTimes {
  /// What a process has done up to now; nil if the system does not tell.
  package static func sample(of process: Int32) -> ProcessSample? {
    guard let stat = stat("/proc/\(process)") else { return nil }
    var (wait, runnable) = (Int64(0), 0)
    for thread in threads(of: process) {
      if self.stat(thread)?.state == "R" { runnable += 1 }
      wait += processorWait(of: thread)
    }
    return ProcessSample(
      time: Clock.monotonic, isStopped: ["T", "t"].contains(stat.state),
      processorTime: stat.processorTicks * nanosecondsPerTick, processorWait: wait, runnableThreads: runnable)
  }

  /// What a thread of a process has done up to now; nil if the system does not tell.
  package static func sample(ofThread thread: Int32, of process: Int32) -> ProcessSample? {
    let folder = "/proc/\(process)/task/\(thread)"
    guard let stat = stat(folder) else { return nil }
    return ProcessSample(
      time: Clock.monotonic, isStopped: ["T", "t"].contains(stat.state),
      processorTime: stat.processorTicks * nanosecondsPerTick, processorWait: processorWait(of: folder),
      runnableThreads: stat.state == "R" ? 1 : 0, isOfThread: true)
  }

  /// A process that has another one under ptrace(2).
  package struct Tracer: Equatable, Sendable {
    package let process: Int32
    /// The name that ps(1) shows, at most 15 bytes.
    package let name: String
  }

  /// Who has stopped the first thread of a process by ptrace(2), as a debugger does; nil if nobody has, or if the
  /// system does not tell. The parent of the process is not told of such a stop.
  package static func tracer(holding process: Int32) -> Tracer? {
    guard stat("/proc/\(process)")?.state == "t", let tracer = number("TracerPid", of: process) else { return nil }
    return Tracer(process: tracer, name: name(of: tracer))
  }

  /// The process of a thread; nil if the system does not tell.
  static func process(ofThread thread: Int32) -> Int32? { number("Tgid", of: thread) }

  /// A number in `/proc/PID/status`.
  private static func number(_ name: String, of process: Int32) -> Int32? {
    guard let status = try? TextFile.read("/proc/\(process)/status") else { return nil }
    let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
    return line.flatMap { Int32($0.dropFirst(name.utf8.count + 1).drop { $0 == "\t" || $0 == " " }) }
  }

  /// The file that a process runs; nil if the system does not tell.
  package static func program(of process: Int32) -> String? { Paths.linkTarget("/proc/\(process)/exe") }

  /// When a process began, in clock ticks after the start of the system.
  static func beginning(of process: Int32) -> Int64? { stat("/proc/\(process)")?.beginning }

  /// Whether there is no process of this number. One that has ended and was not reaped still has it.
  package static func isGone(_ process: Int32) -> Bool { kill(process, 0) != 0 && errno == ESRCH }

  /// Whether a process has ended and waits to be reaped.
  package static func hasEnded(_ process: Int32) -> Bool { stat("/proc/\(process)")?.state == "Z" }

  /// The name that ps(1) shows, at most 15 bytes; empty if the system does not tell.
  static func name(of process: Int32) -> String { stat("/proc/\(process)")?.name ?? "" }

  private static let nanosecondsPerTick = 1_000_000_000 / Int64(max(sysconf(Int32(_SC_CLK_TCK)), 1))

  private static func stat(_ folder: String) -> ProcessStat? {
    (try? TextFile.read("\(folder)/stat")).flatMap { ProcessStat($0) }
  }

  /// The folders of the threads.
  private static func threads(of process: Int32) -> [String] {
    let folder = "/proc/\(process)/task"
    return ((try? namesInFolder(folder)) ?? []).map { "\(folder)/\($0)" }
  }

  /// How long a thread has waited for a processor, in nanoseconds: sched-stats of the kernel's documentation.
  private static func processorWait(of thread: String) -> Int64 {
    let fields = (try? TextFile.read("\(thread)/schedstat"))?.split(separator: " ") ?? []
    return fields.count > 1 ? Int64(fields[1]) ?? 0 : 0
  }
}
