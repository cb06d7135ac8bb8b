/// The fields of `/proc/PID/stat` and `/proc/PID/task/TID/stat` that the host needs: proc_pid_stat(5).
package struct ProcessStat: Equatable, Sendable {
  /// R: runs or could run, S and D: waits, T: stopped, t: stopped by a debugger, Z: has ended.
  package let state: Character
  /// The name of the file, or of the thread, at most 15 bytes.
  package let name: String
  /// In the program and in the system, in clock ticks; of a process: of all its threads, also those that have ended.
  package let processorTicks: Int64
  /// When it began, in clock ticks after the start of the system.
  package let beginning: Int64

  /// Nil if the text is not such a line.
  package init?(_ text: String) {
    // The name stands in parentheses, and may contain some.
    guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else { return nil }
    name = String(text[text.index(after: open)..<close])
    let fields = text[text.index(after: close)...].split(separator: " ")
    // The first of these fields is the third of the line.
    guard fields.count > 19, fields[0].count == 1, let user = Int64(fields[11]), let system = Int64(fields[12]),
      let beginning = Int64(fields[19])
    else { return nil }
    state = fields[0].first!
    processorTicks = user + system
    self.beginning = beginning
  }
}

/// What a process has done up to a moment, as another process sees it.
package struct ProcessSample: Equatable, Sendable {
  /// When the sample was taken, in nanoseconds of a clock that does not run while the machine is suspended.
  package let time: Int64
  /// Whether a signal such as SIGSTOP, or a debugger, has stopped it.
  package let isStopped: Bool
  /// Processor time of all its threads, in nanoseconds.
  package let processorTime: Int64
  /// How long its threads together have waited for a processor until they got one, in nanoseconds; 0 if the system does
  /// not tell.
  package let processorWait: Int64
  /// How many of its threads run, or wait for a processor.
  package let runnableThreads: Int
  /// The sample is of one thread.
  package let isOfThread: Bool

  package init(
    time: Int64, isStopped: Bool, processorTime: Int64, processorWait: Int64, runnableThreads: Int,
    isOfThread: Bool = false
  ) {
    (self.time, self.isStopped, self.processorTime) = (time, isStopped, processorTime)
    (self.processorWait, self.runnableThreads, self.isOfThread) = (processorWait, runnableThreads, isOfThread)
  }
}
