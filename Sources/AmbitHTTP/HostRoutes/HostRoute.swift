package import AmbitCore

/// A route that the host itself answers, without a plugin.
package struct HostRoute: Sendable {
  package typealias Answer = @Sendable (HostRequest) -> HostResponse

  let pattern: RoutePattern
  let answer: Answer

  /// `answer` runs on a thread of the pool, and may block.
  package init(_ pattern: RoutePattern, answer: @escaping Answer) {
    self.pattern = pattern
    self.answer = answer
  }
}

/// What such a route is told of a request.
package struct HostRequest: Sendable {
  /// The value of the first `Accept` field; nil without one.
  package let accept: String?
}

/// What such a route answers.
package struct HostResponse: Sendable {
  package let status: Int
  package let contentType: String
  package let body: String

  package init(status: Int, contentType: String, body: String) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}
