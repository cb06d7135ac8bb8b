internal import AmbitSystem
internal import CFiber
internal import CLinux
internal import Glibc

// Finds out whether a library is in use: a thread runs its code, or a thread or suspended job will return into it. Such
// a library must not be unmapped.

extension LoopGroup {
  /// Names a job or thread that is inside the library around `origin`, or may be; nil if there is none.
  ///
  /// Looks at the stacks of all suspended jobs, on their loops, and at all threads of the process that may run plugin
  /// code. A thread in a system call is not interrupted: its stack is searched for return addresses. These may be left
  /// over from calls that have returned, so the answer may name a thread that is not inside; it never misses one that
  /// is. Blocks for up to a few seconds. Not from a loop.
  public func occupant(ofImageAround origin: UInt, within timeout: Int64 = 1_000_000_000) -> String? {
    let code = clinux_code_around(origin)
    guard code.end > code.start else { return "the library's code was not found in memory" }
    let calls = onEach(within: timeout) { (loop: LoopPointer) -> String? in
      SuspendedCalls.first(on: loop, into: code)
    }
    guard calls.count == loops.count else { return "an event loop is blocked, so its jobs could not be checked" }
    if let call = calls.lazy.compactMap({ $0 }).first { return call }
    return ThreadSearch(code, busy: pool.busyThreads).firstOccupant()
  }
}

/// The suspended jobs of a loop, on that loop.
private struct SuspendedCalls {
  /// How many jobs are checked at most, so that the loop is blocked for a few milliseconds only.
  private static var limit: Int { 10_000 }

  private let code: clinux_range
  private var left = SuspendedCalls.limit
  private var found: String?

  static func first(on loop: LoopPointer, into code: clinux_range) -> String? {
    var calls = SuspendedCalls(code: code)
    calls.visit(loop.pointee.root)
    if calls.left == 0, calls.found == nil { return "more than \(limit) jobs are suspended, too many to check" }
    return calls.found
  }

  private init(code: clinux_range) { self.code = code }

  private mutating func visit(_ scope: ScopePointer) {
    if let handler = scope.pointee.handlerJob { look(at: handler, in: scope) }
    var link = scope.jobsLink.pointee.next
    while link != scope.jobsLink, left > 0 {
      look(at: .of(sibling: link), in: scope)
      link = link.pointee.next
    }
    link = scope.childrenLink.pointee.next
    while link != scope.childrenLink, left > 0 {
      visit(.of(sibling: link))
      link = link.pointee.next
    }
  }

  private mutating func look(at job: JobPointer, in scope: ScopePointer) {
    guard found == nil, let fiber = job.pointee.fiber, let low = fiber.pointee.stack_low,
      let stackPointer = fiber.pointee.sp
    else { return }
    left -= 1
    let end = UInt(bitPattern: low) + UInt(fiber.pointee.stack_size)
    let start = UInt(bitPattern: stackPointer)
    guard start >= UInt(bitPattern: low), start < end else { return }
    if StackScan.contains(returnsTo: code, from: start, to: end) {
      let work = WorkLabel(job, in: scope)
      found = "\(work.phrase) has called into it and is suspended"
    }
  }
}

/// The threads of the process.
private struct ThreadSearch {
  private enum Place {
    case inside(String)
    case outside
    case running
    case unknown
  }

  private let code: clinux_range
  /// The host's threads that run plugin code at the moment.
  private let busy: Set<Int32>
  private let maps = MemoryMap()

  init(_ code: clinux_range, busy: Set<Int32>) {
    self.code = code
    self.busy = busy
  }

  func firstOccupant() -> String? {
    guard let threads = Self.threads() else { return "the threads of the process cannot be listed in /proc" }
    let own = cfiber_thread_number()
    var running: [Int32] = []
    for thread in threads where thread != own && (busy.contains(thread) || !SystemThread.isOfHost(thread)) {
      switch place(of: thread) {
      case .outside: break
      case .running: running.append(thread)
      case .inside(let call): return "thread \(Self.name(of: thread)) is in its code, in \(call)"
      case .unknown:
        return "thread \(Self.name(of: thread)) may be in its code: the kernel does not report where it waits"
      }
    }
    return running.lazy.compactMap { lookAgain(at: $0) }.first
  }

  /// Checks a running thread again: it is soon found in a system call, unless it computes.
  private func lookAgain(at thread: Int32) -> String? {
    for _ in 0..<20 {
      usleep(5000)
      switch place(of: thread) {
      case .outside: return nil
      case .inside(let call): return "thread \(Self.name(of: thread)) is in its code, in \(call)"
      case .running, .unknown: continue
      }
    }
    guard busy.contains(thread) else {
      // Do not interrupt it: it may have signals blocked, or no room on its stack for a handler.
      return "thread \(Self.name(of: thread)) runs, and may be in its code"
    }
    let frames = ThreadSample.interrupted(thread).frames
    let isInside = frames.isEmpty || frames.contains { $0 >= code.start && $0 < code.end }
    return isInside ? "thread \(Self.name(of: thread)) runs in its code" : nil
  }

  private func place(of thread: Int32) -> Place {
    switch ThreadState(ofThread: thread) {
    case .gone: return Self.exists(thread) ? .unknown : .outside
    case .running: return .running
    case .waiting: return .running
    case .unknown: return .unknown
    case .inCall(let name, _, let stackPointer, let address):
      if address >= code.start, address < code.end { return .inside(name) }
      guard let end = maps.end(ofMappingAround: stackPointer) else { return .unknown }
      // A pool thread has run code of many plugins and leaves pointers to functions behind, so only return addresses
      // count.
      let isInside =
        busy.contains(thread)
        ? StackScan.contains(returnsTo: code, from: stackPointer, to: end)
        : StackScan.contains(pointersTo: code, from: stackPointer, to: end)
      return isInside ? .inside(name) : .outside
    }
  }

  private static func threads() -> [Int32]? {
    guard let folder = opendir("/proc/self/task") else { return nil }
    defer { closedir(folder) }
    var threads: [Int32] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if let thread = Int32(name) { threads.append(thread) }
    }
    return threads
  }

  private static func exists(_ thread: Int32) -> Bool { Paths.exists("/proc/self/task/\(thread)") }

  /// `4711 (worker)`
  private static func name(of thread: Int32) -> String {
    let name = (try? TextFile.read("/proc/self/task/\(thread)/comm"))?.split(separator: "\n").first
    return name.map { "\(thread) (\($0))" } ?? "\(thread)"
  }
}

/// The mappings of the process: proc(5).
private struct MemoryMap {
  private let ranges: [(start: UInt, end: UInt)]

  init() {
    let text = (try? TextFile.read("/proc/self/maps", upTo: .max)) ?? ""
    ranges = text.split(separator: "\n").compactMap { line in
      let bounds = line.prefix { $0 != " " }.split(separator: "-")
      guard bounds.count == 2, let start = UInt(bounds[0], radix: 16), let end = UInt(bounds[1], radix: 16) else {
        return nil
      }
      return (start, end)
    }
  }

  func end(ofMappingAround address: UInt) -> UInt? { ranges.first { address >= $0.start && address < $0.end }?.end }
}
