internal import Glibc

/// Limits of this process, which processes that it starts inherit: getrlimit(2).
package enum ResourceLimit {
  /// The processor time in seconds; nil if it is not limited.
  package static var processorTime: Int64? { value(of: __rlimit_resource_t(RLIMIT_CPU.rawValue)) }

  /// The address space in bytes; nil if it is not limited.
  package static var addressSpace: Int64? { value(of: __rlimit_resource_t(RLIMIT_AS.rawValue)) }

  private static func value(of resource: __rlimit_resource_t) -> Int64? {
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0, limit.rlim_cur != rlim_t.max else { return nil }
    return Int64(clamping: limit.rlim_cur)
  }
}
