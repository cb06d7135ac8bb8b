internal import AmbitSystem
internal import CLinux
internal import Glibc

/// What a thread of the process does at the moment, as far as the kernel tells.
enum ThreadState {
  case running
  /// It waits in a system call; its stack pointer and where the call was made.
  case inCall(name: String, stackPointer: UInt, address: UInt)
  /// It waits for something else: a page, a tracer.
  case waiting
  case gone
  /// The system does not tell: /proc is not mounted, or hides it.
  case unknown

  /// Reads /proc/self/task/TID/syscall: proc(5).
  init(ofThread thread: Int32) {
    guard let text = Self.read("/proc/self/task/\(thread)/syscall") else {
      let isAbsent = errno == ENOENT || errno == ESRCH
      self = isAbsent && HostProcess.hasProc ? .gone : .unknown
      return
    }
    let words = text.split(whereSeparator: \.isWhitespace)
    guard words.first != "running" else {
      self = .running
      return
    }
    guard words.count == 9, let number = Int64(words[0]), let stackPointer = Self.number(words[7]),
      let address = Self.number(words[8])
    else {
      self = .waiting
      return
    }
    let name = clinux_system_call_name(number).map { String(cString: $0) } ?? "system call \(number)"
    self = .inCall(name: name, stackPointer: stackPointer, address: address)
  }

  private static func number(_ word: Substring) -> UInt? {
    word.hasPrefix("0x") ? UInt(word.dropFirst(2), radix: 16) : nil
  }

  private static func read(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = Glibc.read(file, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
  }
}
