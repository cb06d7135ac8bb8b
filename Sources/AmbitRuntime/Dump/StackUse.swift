internal import Glibc

/// How much of a fiber's stack has been in use at the same time, at most.
enum StackUse {
  /// Bytes from the deepest page of the stack that is in memory, mincore(2), to its top; nil if the system does not
  /// tell.
  ///
  /// A high-water mark in whole pages, and an upper bound for the job at hand: stacks are used again with their pages,
  /// so a job may be charged for the depth of one before it. Pages that the system has swapped out do not count.
  static func bytes(of stack: UnsafeMutableRawPointer, size: Int) -> Int? {
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: size / pageSize) { pages in
      guard mincore(stack, size, pages.baseAddress) == 0 else { return nil }
      let deepest = pages.firstIndex { $0 & 1 == 1 } ?? pages.count
      return (pages.count - deepest) * pageSize
    }
  }
}
