public import AmbitCore
public import AmbitSystem
public import CAmbit
internal import Glibc

/// One loaded version of a plugin, as scopes see it: its name for the log, and what belongs to it.
///
/// It is made before its first scope and released only after the plugin's library was unmapped. So a pointer to a
/// retired generation stays valid as long as the generation's code is loaded.
public struct Generation {
  /// The plugin's name and the generation's number, as logs show it: "hello/3".
  public let label: String
  /// The label's UTF-8.
  public let labelBytes: UnsafeRawBufferPointer
  /// What its threads show the supervisor.
  public let mark: WorkMark
  public let settings: SettingsTable
  /// All code of the plugin runs on threads of the pool, except functions of ambit_on_cancel, which run on their loop.
  public let runsOnThreads: Bool
  /// It is a library that knows nothing of this host, and no plugin.
  public let isLibrary: Bool
  /// It contains Swift code, or is linked with such code, and shares the host's Swift runtime.
  public let usesSwift: Bool
  /// What it uses of what `PluginLimits` limits.
  public let use: GenerationUse
  /// What all jobs of the plugin have in common.
  let jobTraits: JobTraits
  /// The plugin's scope on each loop.
  public let shards: UnsafeMutableBufferPointer<ScopePointer>
  /// An address in the plugin's library, by which a backtrace finds the plugin's code; 0 if there is none.
  public var imageAddress: UInt = 0
  /// The plugin's own state: `ambit_set_state`.
  public var state: UnsafeMutableRawPointer?
  /// `start` runs. This field and the next three belong to the first loop.
  public var isStarting = false
  /// What the previous generation has handed over, while `start` runs.
  public var handedOver: HandedOverState?
  /// `save` runs.
  public var isSaving = false
  /// What `save` has handed over so far.
  public var saved: HandedOverState?
  /// A dry run: the generation serves nobody.
  public var isDryRun = false
  /// Its jobs with `AMBIT_JOB_ONCE`; nil if they may always run.
  public var onceJobs: OnceGeneration?
  /// Functions of the plugin that the host calls on behalf of others. Lifecycle calls are not among them.
  public internal(set) var entryPoints: [EntryPoint] = []
  /// The values of the plugin's scope: `ambit_set`.
  let values = SharedValues()
  /// Called on each loop once the retiring generation has no request there any more.
  public var shardDrained: @Sendable () -> Void = {}
  /// Called on each loop once the plugin's scope there has ended and nothing of it runs any more.
  public var shardEnded: @Sendable () -> Void = {}
  /// Called on each loop once the plugin's scope there is closed.
  public var shardClosed: @Sendable () -> Void = {}

  /// - Parameter use: nil: it has no limits.
  public init(
    label: String, settings: SettingsTable, runsOnThreads: Bool = false, isLibrary: Bool = false,
    usesSwift: Bool = false, use: GenerationUse? = nil, shards: UnsafeMutableBufferPointer<ScopePointer>
  ) {
    self.label = label
    mark = WorkMark(originOf: label)
    let copy = ambit_str.immortalCopy(label)
    labelBytes = UnsafeRawBufferPointer(start: copy.ptr, count: copy.len)
    self.settings = settings
    self.runsOnThreads = runsOnThreads
    self.isLibrary = isLibrary
    self.usesSwift = usesSwift
    self.use = use ?? GenerationUse(of: label, label: label, limits: .none, loops: shards.count)
    jobTraits = runsOnThreads ? .usesThread : usesSwift ? .takesThreadState : []
    self.shards = shards
  }
}

public typealias GenerationPointer = UnsafeMutablePointer<Generation>

extension UnsafeMutablePointer<Generation> {
  /// Runs `work` with the plugin's scope on every loop except that of `shard`. It runs in one of the loop's next turns,
  /// or when a job that computes there asks whether it is cancelled. `work` cancels the scope or moves its deadline.
  func onOtherLoops(than shard: ScopePointer, _ work: @escaping @Sendable (ScopePointer) -> Void) {
    for other in pointee.shards where other != shard {
      let target = Unchecked(other)
      other.pointee.loop.pointee.mailbox._withUnsafeGuaranteedRef { $0.postUrgent { _ in work(target.value) } }
    }
  }

  /// Releases the observers after the generation has drained, ended and closed. The record itself stays as long as the
  /// library.
  public func dropObservers() {
    pointee.shardDrained = {}
    pointee.shardEnded = {}
    pointee.shardClosed = {}
  }

  /// Releases the record and the plugin's scopes, after the scopes were closed and the library was unmapped.
  public func destroy() {
    for shard in pointee.shards { shard.deallocate() }
    pointee.shards.deallocate()
    pointee.settings.deallocate()
    pointee.labelBytes.deallocate()
    pointee.mark.releaseOrigin()
    deinitialize(count: 1)
    deallocate()
  }
}

/// A function of a generation that the host calls on behalf of others: a handler, or any C function by its signature.
///
/// Lives as long as its generation. For the control thread only.
@safe
public final class EntryPoint: @unchecked Sendable {
  public enum Function {
    case handler(ambit_handler)
    /// With a lane, its calls run on threads of the pool alone, one at a time, each when it has its turn there.
    case foreign(ambit_function, CSignature, lane: SerialLane?)
  }

  public let function: Function
  /// It runs on a thread of the pool.
  public let isBlocking: Bool
  /// Bytes of stack that it needs, at most `StackSize.largest`; 0: the default of handlers.
  public let stackSize: Int
  public let generation: GenerationPointer
  /// What the caller has prepared to call it. Owned.
  public var prepared: AnyObject?

  /// Adds the entry point to those of `generation`.
  public init(_ function: Function, isBlocking: Bool = false, stackSize: Int = 0, generation: GenerationPointer) {
    self.function = function
    self.isBlocking = isBlocking
    self.stackSize = stackSize
    self.generation = generation
    generation.pointee.entryPoints.append(self)
  }
}

/// A plugin's settings, in memory that plugins get pointers to.
public struct SettingsTable {
  private let entries: [(key: ambit_str, value: ambit_str)]

  /// Copies the settings; the copies live until `deallocate`.
  public init(_ settings: [(key: String, value: String)]) {
    entries = settings.map { (.immortalCopy($0.key), .immortalCopy($0.value)) }
  }

  /// Releases the copies.
  public func deallocate() {
    for entry in entries {
      entry.key.ptr?.deallocate()
      entry.value.ptr?.deallocate()
    }
  }

  /// The value of `key`, NUL-terminated behind its end; absent if there is none. Does not allocate.
  func value(of key: UnsafePointer<CChar>) -> ambit_str {
    for entry in entries where strcmp(entry.key.ptr!, key) == 0 { return entry.value }
    return ambit_str(ptr: nil, len: 0)
  }
}

extension ambit_str {
  /// A copy of the text's UTF-8 and a NUL. The caller deallocates it, or nobody does.
  public static func immortalCopy(_ text: String) -> ambit_str {
    let bytes = UnsafeMutableBufferPointer<CChar>.allocate(capacity: text.utf8.count + 1)
    _ = bytes.initialize(from: text.utf8.map { CChar(bitPattern: $0) } + [0])
    return ambit_str(ptr: bytes.baseAddress, len: text.utf8.count)
  }
}

/// State that one generation of a plugin hands over to the next: bytes that only the plugin understands.
public final class HandedOverState: Sendable {
  /// The largest size that can be handed over, in bytes.
  public static let limit = 64 << 20

  /// The plugin's own number for the format of the bytes.
  public let version: UInt32
  public let bytes: Unchecked<UnsafeRawBufferPointer>

  /// Its size in bytes.
  public var size: Int { bytes.value.count }

  /// Copies `bytes`; nil if there is no memory.
  public convenience init?(version: UInt32, copying bytes: UnsafeRawBufferPointer) {
    guard let copy = Self.copy(of: bytes) else { return nil }
    self.init(version: version, owning: copy)
  }

  private init(version: UInt32, owning bytes: UnsafeRawBufferPointer) {
    self.version = version
    self.bytes = Unchecked(bytes)
  }

  deinit { free(UnsafeMutableRawPointer(mutating: bytes.value.baseAddress)) }

  private static func copy(of bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard let copy = malloc(max(bytes.count, 1)) else { return nil }
    if let source = bytes.baseAddress { memcpy(copy, source, bytes.count) }
    return UnsafeRawBufferPointer(start: copy, count: bytes.count)
  }
}

extension HandedOverState: Codable {
  /// Copies the bytes.
  /// - Throws: if there is no memory, or the state is larger than `limit`.
  public convenience init(from decoder: any Decoder) throws {
    var container = try decoder.unkeyedContainer()
    let version = try container.decode(UInt32.self)
    let bytes = try container.decode([UInt8].self)
    guard bytes.count <= Self.limit, let copy = bytes.withUnsafeBytes(Self.copy) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "expected a state that fits in memory")
    }
    self.init(version: version, owning: copy)
  }

  /// Encodes the version and the bytes.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.unkeyedContainer()
    try container.encode(version)
    try container.encode(Array(bytes.value))
  }
}
