/// What has become of a generation of a plugin.
package enum GenerationPhase: Sendable, Equatable {
  /// Its routes are served, or soon will be.
  case serving
  /// Another has taken its place, or none; what it has begun goes on.
  case retiring
  /// Nothing of it runs any more, and its library stays mapped. Why that is so.
  case resident(String)
  /// Its library is unmapped.
  case unloaded
}
