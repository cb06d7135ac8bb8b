/// What one plugin may use at a time in one worker: `[plugin.NAME.limits]`.
///
/// The initial value of a property is the default of its key, which an ordinary plugin does not reach.
public struct PluginLimits: Codable, Sendable, Equatable {
  /// Requests in flight.
  public var requests = 50_000
  /// Jobs that have not ended, of its requests and of its own scope.
  public var jobs = 50_000
  /// Threads of the pool; nil: as many as the pool has.
  public var threads: Int?
  /// Bytes of memory in its scopes.
  public var alloc = 512 << 20

  public init() {}

  /// No limits, for code of the host itself and for libraries of routes.
  public static let none: PluginLimits = {
    var limits = PluginLimits()
    (limits.requests, limits.jobs, limits.alloc) = (.max, .max, .max)
    return limits
  }()
}

/// A resource that `PluginLimits` limits. The raw value is its key in `[plugin.NAME.limits]`.
public enum LimitedResource: String, Codable, Sendable, CaseIterable {
  case requests
  case jobs
  case threads
  case alloc
}
