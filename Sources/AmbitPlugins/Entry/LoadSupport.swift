/// What this version of the host can do of what an entry may ask for. An entry that asks for more is refused.
package struct LoadSupport: Sendable {
  /// Routes that name a C function and its signature.
  package let typedRoutes: Bool

  package init(typedRoutes: Bool = false) {
    self.typedRoutes = typedRoutes
  }
}
