package import AmbitCore

/// How the connections of one listener are served. A listener without options of its own has the limits of its server,
/// which a reload may change: what has begun keeps its limit, and what begins later gets the new one.
package struct ListenerOptions: Sendable {
  /// The scheme of the URLs that lead to the listener.
  package var scheme = Scheme.http
  package var limits = HTTPLimits()

  /// TLS will bring `https`.
  package enum Scheme: Sendable {
    case http

    var text: StaticString {
      switch self {
      case .http: "http"
      }
    }
  }

  package init(limits: HTTPLimits = HTTPLimits()) { self.limits = limits }
}

/// The limits that a server sets to clients.
package struct HTTPLimits: Sendable {
  package var head = HeadLimits()
  /// Bytes of a request body.
  package var maxBody: Int64 = 8 << 20
  /// Nanoseconds from a request's head to its end; `Int64.max`: none.
  package var requestTimeout: Int64 = 30_000_000_000
  /// Nanoseconds from the first byte of a head to its last.
  package var headTimeout: Int64 = 10_000_000_000
  /// Nanoseconds that a connection may stay without a request, or take no byte of a response.
  package var idleTimeout: Int64 = 75_000_000_000

  package init() {}
}
