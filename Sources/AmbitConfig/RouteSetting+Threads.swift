import AmbitCore

// Where a C function of a route runs, and beside what: the keys `blocking`, `serial` and `thread` together.

extension RouteSetting {
  /// What an entry says of it.
  struct Calling {
    var blocking: Bool?
    var serial: Bool?
    var thread: Thread?

    /// What does not fit together, or would be right only for a thread-safe function.
    func contradictions(in call: CallTarget, at path: SettingPath) -> [Diagnostic] {
      func find(_ key: String, _ message: String) -> [Diagnostic] {
        let place = path.appending(.key(key))
        return [Diagnostic(path: place, message: "\(place): \(message)")]
      }
      if thread == .own, serial == false {
        return find(
          "serial",
          #"expected true, or no "serial", since thread = "own" calls the library on one thread; found false"#)
      }
      guard blocking == false else { return [] }
      if let thread {
        return find(
          "blocking",
          #"expected true, or no "blocking", since thread = "\#(thread.rawValue)" calls the function on a thread; "#
            + "found false")
      }
      if serial == true {
        return find(
          "blocking",
          #"expected true, or no "blocking", since serial = true calls the function on a thread; found false"#)
      }
      guard case .shared(let library) = call.provider, serial == nil,
        !ThreadSafeFunctions.contain(call.symbol, of: library)
      else { return [] }
      return find(
        "blocking",
        "false calls \(call.symbol) of \(library) on several event loops at once; "
          + #"expected "serial = false" beside it, which says that the function is thread-safe, found no "serial"; "#
          + #"if it is not, leave "blocking" out, and calls run one at a time on a thread"#)
    }
  }
}

/// Two routes to functions of one library, of which one wants a thread of its own for the library and the other does not
/// run on it.
enum ThreadConflict {
  /// Of a route at `path` with one that was read before; nil if there is none.
  static func first(of route: RouteSetting, at path: SettingPath, among earlier: [RouteSetting]) -> Diagnostic? {
    guard let call = route.call else { return nil }
    for other in earlier where other.call?.target.provider == call.target.provider {
      let (owner, guest) = route.thread == .own ? (route, other) : (other, route)
      guard owner.thread == .own, let found = guest.otherThread else { continue }
      let key = path.appending(.key(route.thread == .own ? "thread" : found.key))
      let position = other.place.position.map { " (line \($0.line))" } ?? ""
      let library = call.target.provider.name
      return Diagnostic(
        path: key,
        message: "\(key): expected the same thread for all routes of \(library); found \(found.text) in "
          + "\(guest.place.path) and thread = \"own\" in \(owner.place.path), of which \(other.place.path)\(position) "
          + #"stands first; with thread = "own" all calls of a library run on one thread"#)
    }
    return nil
  }
}

extension RouteSetting {
  /// What says that the function runs on another thread than the library's own.
  fileprivate var otherThread: (key: String, text: String)? {
    if blocking == false { return ("blocking", "blocking = false") }
    if serial == false { return ("serial", "serial = false") }
    return thread == .pool ? ("thread", #"thread = "pool""#) : nil
  }
}
