/// What of a plugin runs in its rehearsal.
package enum RehearsalStep: UInt64, Sendable {
  /// The library's constructors, while it is loaded.
  case loading
  /// The plugin's `start`.
  case start
  /// The end of what `start` began, and the plugin's `stop`.
  case stop

  /// Names who exits or crashes.
  var subject: String {
    switch self {
    case .loading: "a constructor"
    case .start: "start"
    case .stop: "stop, or what start began,"
    }
  }

  /// Names where the time went.
  var place: String {
    switch self {
    case .loading: "in its constructors"
    case .start: "in start"
    case .stop: "in stop, or in what start began"
    }
  }
}
