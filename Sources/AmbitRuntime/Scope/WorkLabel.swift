internal import AmbitCore
internal import AmbitSystem
internal import CLinux
internal import Logging

/// What runs on a loop, or should have ended, as reports name it. A copy, which other threads may read.
struct WorkLabel: Sendable {
  enum Kind: String, Sendable, CaseIterable {
    case handler
    case job
    case onEnd = "on_end function"
    case onCancel = "on_cancel function"
    case deferred = "deferred function"
    /// The host's own work.
    case host

    /// With its article.
    var phrase: String { self == .onEnd || self == .onCancel ? "an \(rawValue)" : "a \(rawValue)" }
  }

  let kind: Kind
  /// Nil for the host's own work outside of all scopes.
  let scope: ScopeLabel?
  /// The name that the plugin gave the job, or the host its own job; empty if it has none.
  let job: String

  var isPlugin: Bool { scope?.plugin != nil }

  /// The label of a job in a scope of the calling thread's loop.
  init(_ job: JobPointer, in scope: ScopePointer) {
    kind = job.isHandler(of: scope) ? .handler : .job
    self.scope = ScopeLabel(scope)
    self.job = String(bytes: job.pointee.name)
  }

  /// The label of a hook of a scope of the calling thread's loop.
  init(_ hook: Kind, of scope: ScopePointer) {
    kind = hook
    self.scope = ScopeLabel(scope)
    job = ""
  }

  /// The label of the work of another thread's loop. The loop goes on meanwhile, so the copy may be torn: the caller
  /// checks afterwards whether the loop is still in the same turn.
  init(observing loop: LoopPointer) {
    let hook = loop.pointee.hookScope
    let current = hook == nil ? loop.pointee.current : nil
    let scope = hook ?? current?.observed(\.scope)
    job = (current?.observed(\.coldState) ?? nil)?.observed(\.name).map { String(observing: $0.bytes) } ?? ""
    self.scope = scope.flatMap(ScopeLabel.init(observing:))
    guard let scope, self.scope?.plugin != nil else {
      kind = .host
      return
    }
    kind = hook != nil ? loop.pointee.hookKind : scope.observed(\.handlerJob) == current ? .handler : .job
  }

  /// As a sentence names it: "handler GET /hello of plugin hello/3", "job loader of plugin hello/3 (GET /hello)".
  var phrase: String {
    guard let scope, let plugin = scope.plugin else { return "the host's own work" }
    let (name, detail) =
      switch kind {
      case .handler: (scope.label, job)
      case .job: (job, scope.label)
      default: ("", scope.label)
      }
    let subject = name.isEmpty ? kind.phrase : "\(kind.rawValue) \(name)"
    return "\(subject) of plugin \(plugin)" + (detail.isEmpty ? "" : " (\(detail))")
  }

  var fields: Logger.Metadata {
    var fields = scope?.fields ?? [:]
    fields["work"] = "\(kind.rawValue)"
    if isPlugin { fields[LogField.fault] = "plugin" }
    if !job.isEmpty { fields[LogField.job] = "\(job)" }
    return fields
  }
}

/// Which scope it is, as reports name it. A copy, which other threads may read.
struct ScopeLabel: Codable, Sendable {
  let id: UInt64
  /// The request that the scope belongs to; nil outside a request.
  let request: RequestID?
  /// The name that its opener gave it; empty if it has none.
  let name: String
  /// Plugin and generation, "hello/3"; nil for the host's scope.
  let plugin: String?
  /// What the scope serves: `Scope.label`; empty outside a request.
  let label: String
}

extension ScopeLabel {
  /// The label of a scope of the calling thread's loop.
  init(_ scope: ScopePointer) {
    id = scope.pointee.id
    request = scope.pointee.requestScope.map(RequestID.init(ofRequest:))
    name = String(bytes: scope.pointee.name)
    plugin = scope.pointee.generation?.pointee.label
    label = String(bytes: scope.pointee.label)
  }

  /// The identifier of the request for its own scope, else the number.
  var identifier: String { request?.number == id ? "\(request!)" : "\(id)" }

  /// The request if there is one, and the scope unless it is the request's own.
  var fields: Logger.Metadata {
    var fields: Logger.Metadata = [:]
    if let request { fields[LogField.request] = "\(request)" }
    if request?.number != id { fields[LogField.scope] = "\(name.isEmpty ? "\(id)" : "\(id) \(name)")" }
    if let plugin { fields[LogField.plugin] = "\(plugin)" }
    if !label.isEmpty { fields[LogField.label] = "\(label)" }
    return fields
  }

  /// As `WorkLabel.init(observing:)`; nil if the memory of the scope is gone.
  fileprivate init?(observing scope: ScopePointer) {
    guard let id = scope.observed(\.id), let requestScope = scope.observed(\.requestScope),
      let name = scope.observed(\.name), let label = scope.observed(\.label),
      let generation = scope.observed(\.generation)
    else { return nil }
    self.id = id
    request = requestScope?.observed(\.id).map(RequestID.init(number:))
    self.name = String(observing: name)
    self.label = String(observing: label)
    plugin = generation?.observed(\.labelBytes).map { label in
      String(observing: label.assumingMemoryBound(to: UInt8.self))
    }
  }
}

extension UnsafeMutablePointer {
  /// Copies a stored field of trivial type from a record that another thread may change or free at any moment; nil if
  /// the memory is gone.
  public func observed<Value>(_ field: KeyPath<Pointee, Value>) -> Value? {
    let offset = MemoryLayout<Pointee>.offset(of: field)!
    let size = MemoryLayout<Value>.size
    return withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { copy in
      let count = clinux_peek(UInt(bitPattern: self) + UInt(offset), copy.baseAddress!, size)
      return count == size ? copy[0] : nil
    }
  }
}

extension String {
  /// Copies up to 200 bytes of a text whose memory may be gone.
  fileprivate init(observing bytes: UnsafeBufferPointer<UInt8>) {
    let length = Swift.min(Swift.max(bytes.count, 0), 200)
    var copy = [UInt8](repeating: 0, count: length)
    let count = clinux_peek(UInt(bitPattern: bytes.baseAddress), &copy, copy.count)
    self.init(decoding: copy.prefix(count), as: UTF8.self)
  }
}

extension RequestID {
  /// The identifier of the request with this scope.
  public init(ofRequest scope: ScopePointer) { self.init(number: scope.pointee.id) }
}
