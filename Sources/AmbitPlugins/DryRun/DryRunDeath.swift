import AmbitCore
import AmbitSystem
import Glibc

/// How the child process of a dry run has ended by itself, and under which limits.
struct DryRunDeath: Sendable {
  /// Nil if a plugin that is loaded in the host has it ignore SIGCHLD: then the system does not tell.
  let end: ProcessEnd?
  /// The processor time that the child has used, in nanoseconds.
  let processorTime: Int64
  /// The host's, which the child inherits.
  let processorLimit = ResourceLimit.processorTime
  /// Its own, or the host's.
  let memoryLimit: Int64?

  init(end: ProcessEnd?, processorTime: Int64, confinedBy confinement: Confinement) {
    (self.end, self.processorTime) = (end, processorTime)
    memoryLimit = confinement.memoryLimit ?? ResourceLimit.addressSpace
  }

  /// Why it has ended, as a sentence.
  /// - Parameters:
  ///   - subject: the code that ran.
  ///   - crash: the signal and place of a crash, as the child has reported them; nil if it has not.
  ///   - output: what the child has written.
  func reason(subject: String, crash: String?, output: DryRunOutput) -> String {
    if let report = output.sanitizerReport { return "\(subject) was ended by a sanitizer: \(report)" }
    if end == .exited(DryRunChild.closedDescriptorsStatus) { return Self.closedDescriptors(by: subject) }
    let last = output.lastLine.map { "; its last line was \(truncated($0, to: 200))" } ?? ""
    return switch end {
    case nil where crash != nil: "\(subject) crashed: \(crash!)\(last)"
    case nil: "\(subject) ended its process; how is not known, because a plugin has the host ignore SIGCHLD\(last)"
    case .signalled(SIGXCPU): "\(subject) \(processorTimeEnd)\(last)"
    case .signalled(SIGKILL) where usedUpProcessorTime: "\(subject) \(processorTimeEnd)\(last)"
    case .signalled(SIGKILL): "\(subject) was killed (SIGKILL), \(Self.killers)\(last)"
    case .exited(let code): "\(subject) called exit(\(code))\(memoryHint)\(last)"
    case .signalled(SIGABRT): "\(subject) called abort (SIGABRT)\(memoryHint)\(last)"
    case .signalled(let number): "\(subject) crashed: \(place(of: number, crash))\(memoryHint)\(last)"
    }
  }

  /// Why a child is of no use any more whose code has closed descriptors that are vital.
  static func closedDescriptors(by subject: String) -> String {
    "\(subject) closed descriptors of the host: close only what it has opened"
  }

  /// The signal, with the place if the child has reported it.
  private func place(of number: Int32, _ crash: String?) -> String {
    let signal = ProcessEnd.name(ofSignal: number)
    return crash.flatMap { $0.hasPrefix(signal) ? $0 : nil } ?? signal
  }

  private var usedUpProcessorTime: Bool {
    processorLimit.map { processorTime >= ($0 - 1) * 1_000_000_000 } ?? false
  }

  private var processorTimeEnd: String {
    let limit = processorLimit.map { " of \($0) s" } ?? ""
    return "used up the processor time that its process may have: it is limited to that\(limit) (ulimit -t)"
  }

  private static let killers = """
    by the kernel because memory ran out (the limit of a container or service counts, see oom_kill in memory.events), \
    or by another process
    """

  private var memoryHint: String {
    let sources = "ulimit -v, or worker_limits.memory"
    return memoryLimit.map { ", perhaps because its address space is limited to \($0 >> 20) MiB (\(sources))" } ?? ""
  }
}

/// What the child process of a dry run has written about its end.
struct DryRunOutput: Sendable {
  /// The last line that is not empty; nil if there is none.
  private(set) var lastLine: String?
  /// The line in which a sanitizer says what it has found; nil if there is none.
  private(set) var sanitizerReport: String?

  mutating func take(_ line: String) {
    guard line.contains(where: { !$0.isWhitespace }) else { return }
    lastLine = line
    if sanitizerReport == nil, Self.isSanitizerReport(line) { sanitizerReport = Self.withoutProcess(line) }
  }

  /// The runtimes of sanitizers begin such a line with the process, and some lines about the start with no name:
  /// `==17==ERROR: AddressSanitizer: …`, `==17==Shadow memory range interleaves …`, `ASan runtime does not come first …`.
  private static func isSanitizerReport(_ line: String) -> Bool {
    ["ERROR: ", "FATAL: ", "WARNING: ThreadSanitizer", "runtime error: "].contains { mark in
      line.contains(mark) && (line.contains("Sanitizer") || mark == "runtime error: " && line.contains(":"))
    } || line.contains("Shadow memory range interleaves") || line.contains("San runtime does not come first")
  }

  private static func withoutProcess(_ line: String) -> String {
    guard line.hasPrefix("=="), let end = line.dropFirst(2).firstRange(of: "==") else { return line }
    return String(line[end.upperBound...])
  }
}
