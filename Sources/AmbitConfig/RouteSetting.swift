package import AmbitCore

/// One `[[route]]` entry: a route to a C function if it has `call`, or else changes to the route of a plugin.
package struct RouteSetting: Sendable, Equatable {
  /// What the route answers; no other entry answers the same requests.
  package var match: RoutePattern
  /// The C function; nil means that the entry changes the plugin's route with this pattern. One of the others is not nil
  /// then.
  package var call: Call?
  /// nil leaves it as it is: `limits.request_timeout`, unless the route says otherwise.
  package var timeout: TimeLimit?
  /// Whether the function or handler runs on a thread of the pool; nil leaves it to the function or the plugin.
  package var blocking: Bool?
  /// Whether calls of the function run one at a time with others of its library. false: the function is thread-safe, and
  /// calls run in parallel; nil: one at a time if it is a library's, in parallel if it is a plugin's. nil without `call`.
  package var serial: Bool?
  /// Which thread calls the library's functions; nil: any of the pool, unless another route of the library says
  /// otherwise. nil without `call`.
  package var thread: Thread?
  /// nil leaves it to the function or the plugin.
  package var onDisconnect: OnDisconnect?
  /// Bytes of stack that the function or handler needs, a multiple of 4096; nil leaves it to the function or the plugin.
  package var stackSize: Int?
  /// The `Content-Type` of the answers; nil without `call`.
  package var contentType: String?
  /// Whether the route is left out, with a notice, when its library is absent; nil without `call`.
  package var optional: Bool?
  /// The place of the whole entry.
  package let place: SettingPlace

  package init(match: RoutePattern, place: SettingPlace) {
    self.match = match
    self.place = place
  }
}

extension RouteSetting {
  /// The C function that answers, and where the file names it.
  package struct Call: Sendable, Equatable {
    package let target: CallTarget
    package let place: SettingPlace

    package init(target: CallTarget, place: SettingPlace) {
      self.target = target
      self.place = place
    }
  }

  /// Which thread calls the functions of a library.
  package enum Thread: String, Sendable, CaseIterable {
    /// Any thread of the pool.
    case pool
    /// One thread that the library has for itself.
    case own
  }

  /// How long a request may take, from its first byte to the end of its response.
  package enum TimeLimit: Sendable, Equatable {
    case unlimited
    case after(Duration)
  }

  /// What becomes of a request whose client leaves before its response is complete.
  package enum OnDisconnect: String, Sendable, CaseIterable {
    /// Its scope is cancelled with cause `disconnect`.
    case cancel
    /// It goes on to its end.
    case finish
  }
}
