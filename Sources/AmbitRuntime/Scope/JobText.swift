internal import Glibc

/// A text that a plugin gave for one of its jobs, kept as long as that, at most.
///
/// In a request it lies in the scope's memory, which is soon given back. Elsewhere a scope may live as long as the host,
/// and must not grow with every job in it: the text has memory of its own.
struct JobText: BitwiseCopyable {
  let bytes: UnsafeBufferPointer<UInt8>
  private let isOwned: Bool

  /// None.
  static var absent: JobText { JobText(lasting: UnsafeBufferPointer(start: nil, count: 0)) }

  private init(_ bytes: UnsafeBufferPointer<UInt8>, isOwned: Bool) {
    self.bytes = bytes
    self.isOwned = isOwned
  }

  /// A text that outlives the job by itself.
  init(lasting bytes: UnsafeBufferPointer<UInt8>) { self.init(bytes, isOwned: false) }

  /// A copy of `text` for a job of `scope`; none if there is no memory.
  init(copying text: UnsafeBufferPointer<UInt8>, for scope: ScopePointer) {
    guard scope.pointee.requestScope == nil else {
      self.init(lasting: scope.copy(UnsafeRawBufferPointer(text)))
      return
    }
    guard !text.isEmpty, let memory = malloc(text.count)?.assumingMemoryBound(to: UInt8.self) else {
      self = .absent
      return
    }
    memory.initialize(from: text.baseAddress!, count: text.count)
    self.init(UnsafeBufferPointer(start: memory, count: text.count), isOwned: true)
  }

  /// Gives its own memory back.
  func release() {
    if isOwned { free(UnsafeMutablePointer(mutating: bytes.baseAddress)) }
  }
}
