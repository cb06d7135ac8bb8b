internal import CCrash

/// What a thread shows the supervisor while it runs code of a plugin: the kind of work, the generation, what it serves,
/// and the scope, in one word. The supervisor reads the words of all threads after the death of the worker, whatever it was.
///
/// The word is made once for each generation and scope, so that a turn costs a few instructions.
public struct WorkMark: BitwiseCopyable, Sendable {
  public let word: UInt64

  @inline(__always)
  public init(word: UInt64) { self.word = word }

  /// Nothing of a plugin runs.
  public static var none: WorkMark {
    @inline(__always) get { WorkMark(word: 0) }
  }

  /// A mark without a scope, for a generation, or for what scopes of it serve (`Scope.label`). To be released by
  /// `releaseOrigin`; without a supervisor it names nothing. From any thread.
  public init(originOf plugin: String, label: String = "") {
    word = UInt64(ccrash_add_origin(plugin, label)) << UInt64(CCRASH_KIND_BITS)
  }

  /// Lets others have its number. From any thread.
  public func releaseOrigin() { ccrash_remove_origin(UInt32(truncatingIfNeeded: word >> UInt64(CCRASH_KIND_BITS))) }

  /// The number of its scope; 0 without one.
  var scope: UInt64 { word >> UInt64(CCRASH_SCOPE_SHIFT) }

  /// The mark of a scope; this one has none.
  @inline(__always)
  public func of(_ scope: UInt64) -> WorkMark { WorkMark(word: word | scope << UInt64(CCRASH_SCOPE_SHIFT)) }

  /// The mark of a scope below the one that has this mark.
  func ofChild(_ scope: UInt64) -> WorkMark {
    let origin = word & (1 << UInt64(CCRASH_CHILD_BIT) - 1)
    return WorkMark(word: origin | 1 << UInt64(CCRASH_CHILD_BIT) | scope << UInt64(CCRASH_SCOPE_SHIFT))
  }

  /// The mark of a scope, for a kind of work.
  @inline(__always)
  public func with(_ kind: Kind) -> WorkMark { WorkMark(word: word | UInt64(kind.rawValue)) }

  /// What a thread of a loop runs. The values are those of CCrash.
  public enum Kind: UInt8, Sendable {
    case job = 0
    case handler = 1
    case onEnd = 2
    case onCancel = 3
    case deferred = 4
  }
}

extension WorkLabel.Kind {
  /// As marks have it.
  @inline(__always)
  var inMark: WorkMark.Kind {
    switch self {
    case .handler: .handler
    case .onEnd: .onEnd
    case .onCancel: .onCancel
    case .deferred: .deferred
    case .job, .host: .job
    }
  }
}

extension UnsafeMutablePointer<Loop> {
  /// Memory for the record of a loop, whose first word, the mark, is shared with the supervisor; nil if there is none.
  static func placed(_ index: Int) -> LoopPointer? {
    ccrash_place_loop(index, MemoryLayout<Loop>.size)?.bindMemory(to: Loop.self, capacity: 1)
  }
}
