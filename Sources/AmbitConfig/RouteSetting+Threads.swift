import AmbitCore

// The keys `blocking`, `serial` and `thread`, which together say where a C function runs and whether its calls run in
// parallel, and `buffer_body`, which needs a function that runs on a thread.

extension RouteSetting {
  /// The values of these keys in an entry.
  struct Calling {
    var blocking: Bool?
    var serial: Bool?
    var thread: Thread?
    var buffersBody = false

    /// Diagnostics for values that contradict each other, or that require a thread-safe function.
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
      if buffersBody, runsOnLoop(call) {
        return find(
          "buffer_body",
          "expected a function that runs on a thread, since a request on an event loop holds no thread while its body "
            + #"comes; found one that runs on the event loops: add "blocking = true", or remove "buffer_body""#)
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
        #"expected "serial = false" beside "blocking = false", found no "serial"; functions of \#(library) would run "#
          + #"on several event loops at once: add "serial = false" if \#(call.symbol) is thread-safe, else remove "#
          + #""blocking", and calls run one at a time on a thread"#)
    }

    /// Whether the function runs on the event loop of its request.
    private func runsOnLoop(_ call: CallTarget) -> Bool {
      if let blocking { return !blocking }
      if case .plugin = call.provider { return thread == nil && serial != true }
      return false
    }
  }
}

/// Two routes to functions of one library, of which only one has the library run on a thread of its own.
enum ThreadConflict {
  /// The conflict of the route at `path` with one of the `earlier` routes; nil if there is none.
  static func first(of route: RouteSetting, at path: SettingPath, among earlier: [RouteSetting]) -> Diagnostic? {
    guard let call = route.call else { return nil }
    for other in earlier where other.call?.target.provider == call.target.provider {
      let own = (key: "thread", text: #"thread = "own""#)
      let found: (key: String, text: String)
      let before: String
      if route.thread == .own, let elsewhere = other.otherThread {
        (found, before) = (own, elsewhere.text)
      } else if other.thread == .own, let elsewhere = route.otherThread {
        (found, before) = (elsewhere, own.text)
      } else {
        continue
      }
      let key = path.appending(.key(found.key))
      let line = other.place.position.map { " (line \($0.line))" } ?? ""
      return Diagnostic(
        path: key,
        message: "\(key): expected the same thread for all routes of \(call.target.provider.name), found \(found.text) "
          + "here and \(before) in \(other.place.path)\(line); "
          + #"with thread = "own" all calls of a library run on one thread"#)
    }
    return nil
  }
}

extension RouteSetting {
  /// The setting that makes the function run on another thread than the library's own; nil if there is none.
  fileprivate var otherThread: (key: String, text: String)? {
    if blocking == false { return ("blocking", "blocking = false") }
    if serial == false { return ("serial", "serial = false") }
    return thread == .pool ? ("thread", #"thread = "pool""#) : nil
  }
}
