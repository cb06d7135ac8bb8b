internal import AmbitCore
internal import AmbitSystem
internal import CLinux
internal import Logging

/// Who works on a loop, or should have ended: what a report names. Copies, for other threads to read.
struct WorkName: Sendable {
  enum Kind: String, Sendable, CaseIterable {
    case handler
    case job
    case onEnd = "on_end function"
    case onCancel = "on_cancel function"
    case deferred = "deferred function"
    /// What no plugin asked for.
    case host

    /// With its article.
    var phrase: String { self == .onEnd || self == .onCancel ? "an \(rawValue)" : "a \(rawValue)" }
  }

  let kind: Kind
  /// Empty in the host's own work, as far as it is in no scope.
  let scope: ScopeName?
  /// What the plugin called the job, or the host its own; empty if nothing.
  let job: String

  var isPlugin: Bool { scope?.plugin != nil }

  /// Of a job in a scope that the calling thread's loop owns.
  init(_ job: JobPointer, in scope: ScopePointer) {
    kind = job.isHandler(of: scope) ? .handler : .job
    self.scope = ScopeName(scope)
    self.job = String(bytes: job.pointee.name)
  }

  /// Of a hook of a scope that the calling thread's loop owns.
  init(_ hook: Kind, of scope: ScopePointer) {
    kind = hook
    self.scope = ScopeName(scope)
    job = ""
  }

  /// Of what another thread's loop does. It goes on meanwhile, so what is read may be torn: the caller looks afterwards
  /// whether the loop is still at it.
  init(observing loop: LoopPointer) {
    let hook = loop.pointee.hookScope
    let current = hook == nil ? loop.pointee.current : nil
    let scope = hook ?? current?.observed(\.scope)
    job = (current?.observed(\.coldState) ?? nil)?.observed(\.name).map { String(observing: $0.bytes) } ?? ""
    self.scope = scope.flatMap(ScopeName.init(observing:))
    guard let scope, self.scope?.plugin != nil else {
      kind = .host
      return
    }
    kind = hook != nil ? loop.pointee.hookKind : scope.observed(\.handlerJob) == current ? .handler : .job
  }

  /// "a handler of plugin hello/3 (GET /hello)"
  var phrase: String {
    guard let scope, let plugin = scope.plugin else { return "work of the host" }
    let names = [scope.route, job].filter { !$0.isEmpty }.joined(separator: ", job ")
    return "\(kind.phrase) of plugin \(plugin)" + (names.isEmpty ? "" : " (\(names))")
  }

  var fields: Logger.Metadata {
    var fields = scope?.fields ?? [:]
    fields["work"] = "\(kind.rawValue)"
    if isPlugin { fields[LogField.fault] = "plugin" }
    if !job.isEmpty { fields[LogField.job] = "\(job)" }
    return fields
  }
}

extension ScopeName {
  /// As `WorkName.init(observing:)`; nil if the scope is gone.
  fileprivate init?(observing scope: ScopePointer) {
    guard let id = scope.observed(\.id), let name = scope.observed(\.name), let route = scope.observed(\.route),
      let generation = scope.observed(\.generation)
    else { return nil }
    self.id = id
    self.name = String(observing: name)
    self.route = String(observing: route)
    plugin = generation?.observed(\.labelBytes).map { label in
      String(observing: label.assumingMemoryBound(to: UInt8.self))
    }
  }
}

extension UnsafeMutablePointer {
  /// A field, which is trivial, of a record that another thread may change, or give back, at any moment; nil if the memory
  /// is gone.
  func observed<Value>(_ field: KeyPath<Pointee, Value>) -> Value? {
    guard let offset = MemoryLayout<Pointee>.offset(of: field) else { return nil }
    let size = MemoryLayout<Value>.size
    return withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { copy in
      let count = clinux_peek(UInt(bitPattern: self) + UInt(offset), copy.baseAddress!, size)
      return count == size ? copy[0] : nil
    }
  }
}

extension String {
  /// The first bytes of a text that may be gone by now.
  fileprivate init(observing bytes: UnsafeBufferPointer<UInt8>) {
    let length = Swift.min(Swift.max(bytes.count, 0), 200)
    var copy = [UInt8](repeating: 0, count: length)
    let count = clinux_peek(UInt(bitPattern: bytes.baseAddress), &copy, copy.count)
    self.init(decoding: copy.prefix(count), as: UTF8.self)
  }
}
