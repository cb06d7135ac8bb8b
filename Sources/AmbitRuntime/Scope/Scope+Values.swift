internal import AmbitCore

// Values that plugins keep in scopes, found by the address of their key.

/// A value kept in a scope, in its memory.
struct KeptValue: BitwiseCopyable {
  let key: UnsafeRawPointer
  /// nil once the key has been removed.
  var value: UnsafeMutableRawPointer?
  let next: UnsafeMutablePointer<KeptValue>?
}

extension UnsafeMutablePointer<Scope> {
  /// Keeps `value` under `key`, instead of what was there; nil removes the key. A plugin's scope has shards on all
  /// loops, and what is kept in one is kept in all.
  func setValue(_ value: UnsafeMutableRawPointer?, for key: UnsafeRawPointer) -> Status {
    if pointee.kind == .plugin, let generation = pointee.generation {
      generation.pointee.values.set(value, for: key)
      return .ok
    }
    if let kept = keptValue(of: key) {
      kept.pointee.value = value
      return .ok
    }
    if value == nil { return .ok }
    guard let attachments = attach(),
      let kept = make(KeptValue(key: key, value: value, next: attachments.pointee.values))
    else { return .noMemory }
    attachments.pointee.values = kept
    return .ok
  }

  /// The value under `key` in the scope, or in the nearest above that has one; nil if none has.
  func value(for key: UnsafeRawPointer) -> UnsafeMutableRawPointer? {
    var next: ScopePointer? = self
    while let scope = next {
      if let value = scope.keptValue(of: key)?.pointee.value { return value }
      if scope.pointee.kind == .plugin { return scope.pointee.generation?.pointee.values.value(for: key) }
      next = scope.pointee.parent
    }
    return nil
  }

  private func keptValue(of key: UnsafeRawPointer) -> UnsafeMutablePointer<KeptValue>? {
    var next = pointee.attachments?.pointee.values
    while let kept = next, kept.pointee.key != key { next = kept.pointee.next }
    return next
  }
}
