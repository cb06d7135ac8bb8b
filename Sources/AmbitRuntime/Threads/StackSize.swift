/// How large a stack plugins and the configuration may ask for.
public enum StackSize {
  /// Bytes that a fiber's stack has at most.
  public static var largest: Int { LargeStacks.largest }

  /// What was expected instead of `size` bytes, as an error says it; nil if such a stack can be had. A thread's stack has
  /// the size that `ulimit -s` says when the host starts, see pthread_create(3): mostly 8 MiB.
  public static func mismatch(_ size: Int, onThread: Bool) -> String? {
    if onThread, size > SystemThread.stackSize {
      return "at most \(SystemThread.stackSize) bytes, which the stacks of threads have (ulimit -s)"
    }
    return size > largest ? "at most \(largest) bytes (64MiB)" : nil
  }
}
