internal import AmbitCore
package import AmbitRuntime
internal import CAmbit
internal import CLinux
internal import Glibc
internal import Synchronization

// Calls that run one at a time do so per image that the loader has mapped, since that is what has one set of variables: a
// library is one under all its names, and a function that a library only passes on belongs to the library it is from.

/// The lanes of all images whose functions were ever called one at a time.
///
/// An image that stays mapped keeps its lane, and so its own thread, over all generations of routes to it.
enum LibraryLanes {
  private static let lanes = Mutex<[UInt: SerialLane]>([:])
  /// How many generations have routes to an image.
  private static let users = Mutex<[UInt: Int]>([:])

  /// The lane of an image; `name` is what messages call it if it has none yet.
  static func lane(of image: UInt, named name: String) -> SerialLane {
    lanes.withLock { lanes in
      if let lane = lanes[image] { return lane }
      let lane = SerialLane(name: name)
      lanes[image] = lane
      return lane
    }
  }

  /// A generation begins whose image this is.
  static func addUser(of image: UInt) { users.withLock { $0[image, default: 0] += 1 } }

  /// A generation has ended whose image this is.
  /// - Returns: the lane that nobody has a use for any more; nil if another generation has, or if there is none.
  static func removeUser(of image: UInt) -> SerialLane? {
    let left = users.withLock { users in
      users[image, default: 1] -= 1
      return users[image]!
    }
    guard left == 0 else { return nil }
    users.withLock { $0[image] = nil }
    return lanes.withLock { $0.removeValue(forKey: image) }
  }
}

extension LoadedPlugin {
  /// Where calls of the function have their turns; nil if they run in parallel.
  func lane(of function: ambit_function, _ call: CallRoute) -> SerialLane? {
    guard call.placement.isSerial else { return nil }
    return LibraryLanes.lane(of: SystemLoader.image(of: function), named: declaration.name)
  }

  /// Refuses functions that would run on event loops, so several at once, although nobody says that they may.
  func refuseUnknownSafety(of calls: [WantedFunction], _ functions: [ambit_function]) throws(PluginError) {
    let known = SystemLoader.mathImage
    let errors = zip(calls, functions).compactMap { call, function -> PluginProblem? in
      guard call.mustBeKnownAsSafe, SystemLoader.image(of: function) != known else { return nil }
      return PluginProblem(
        code: .unsafeFunction, plugin: declaration.name, file: copy.file.path,
        reason:
          "\(call.place): blocking = false calls \(call.symbol) on several event loops at once, and the host does "
          + "not know that it is thread-safe: expected a function of the system's libm, found one of another library; "
          + #"if it is, write "serial = false" beside it, else leave "blocking" out"#)
    }
    guard errors.isEmpty else { throw PluginError(problems: errors) }
  }
}

/// A configured route with the image whose function it calls.
package struct LibraryCall: Sendable {
  /// The library or plugin, as the operator names it.
  package let library: String
  package let call: CallRoute
  /// What the loader knows the image by; 0 if it is not loaded here.
  let image: UInt
  /// Tells images apart, loaded or not: the file of one that is used in place, the content of one that is copied.
  let identity: String

  /// The routes of `calls` whose functions are there. Asks the system's loader, and waits as long as that is busy.
  package static func all(_ calls: [CallRoute], of plugin: LoadedPlugin) -> [LibraryCall] {
    calls.compactMap { call in
      guard case .function(let function) = plugin.symbol(call.symbol) else { return nil }
      return LibraryCall(
        library: plugin.declaration.name, call: call, image: SystemLoader.image(of: function),
        identity: plugin.copy.identity(ofImage: SystemLoader.imagePath(of: function)))
    }
  }

  /// The routes of a library that was tried elsewhere: `images` are the files that the functions lie in.
  package static func all(_ calls: [CallRoute], of copy: PluginCopy, in images: [String]) -> [LibraryCall] {
    zip(calls, images).map { call, path in
      LibraryCall(library: copy.file.path, call: call, image: 0, identity: copy.identity(ofImage: path))
    }
  }

  /// Whether another route wants a thread of its own for the same library.
  package func sharesOwnThread(among all: [LibraryCall]) -> Bool {
    all.contains { $0.identity == identity && $0.call.placement == .ownThread }
  }

  /// The first of `others` that calls the same library and wants its thread to be another.
  package func conflict(among others: [LibraryCall]) -> LibraryCall? {
    others.first { other in
      other.identity == identity && other.call != call
        && !(call.placement.fits(ownThreadOf: other.call.placement)
          && other.call.placement.fits(ownThreadOf: call.placement))
    }
  }
}

extension PluginGeneration {
  /// Gives the libraries that routes of these generations call the threads that the routes ask for, from the next call
  /// on: before the routes are served.
  package static func assignThreads(to generations: some Sequence<PluginGeneration>) {
    let calls = generations.flatMap(\.libraryCalls)
    for call in calls where call.call.placement.isSerial {
      LibraryLanes.lane(of: call.image, named: call.library).usesOwnThread.store(
        call.sharesOwnThread(among: calls), ordering: .relaxed)
    }
  }

  /// Lets go of the lane of an image that is this generation's alone: its thread, if it has one, ends.
  func closeLane() {
    guard !plugin.isUsedInPlace, let lane = LibraryLanes.removeUser(of: plugin.image) else { return }
    loops.close(lane)
  }
}

extension PluginCopy {
  /// Two copies of one content are loaded as one.
  fileprivate func identity(ofImage path: String) -> String { path == self.path ? hash?.description ?? path : path }
}

/// A route to a C function, and where the function runs.
package struct FunctionRoute: Sendable, Equatable {
  package let pattern: String
  /// A few words: `CallPlacement.text`.
  package let runs: String
}

extension PluginGeneration {
  /// Its routes to C functions, the plugin's own first.
  package var functionRoutes: [FunctionRoute] {
    let allBlock = plugin.declaration.flags.contains(.threads)
    let own = zip(plugin.declaration.routes, routes).compactMap { declared, bound -> FunctionRoute? in
      guard case .function = declared.target else { return nil }
      let placement = CallPlacement.ofPlugin(isBlocking: allBlock || declared.flags.contains(.blocking))
      return FunctionRoute(pattern: bound.pattern.description, runs: placement.text(sharesOwnThread: false))
    }
    return own
      + libraryCalls.map { call in
        FunctionRoute(
          pattern: call.call.pattern.description, runs: call.call.placement.text(sharesOwnThread: isOnOwnThread(call)))
      }
  }

  private func isOnOwnThread(_ call: LibraryCall) -> Bool {
    call.call.placement.isSerial
      && LibraryLanes.lane(of: call.image, named: call.library).usesOwnThread.load(ordering: .relaxed)
  }

  /// What the lanes of its routes do now. From any thread.
  package var laneReports: [SerialLaneReport] {
    let calls = libraryCalls.filter { $0.call.placement.isSerial }
    return Set(calls.map(\.image)).map { loops.report(on: LibraryLanes.lane(of: $0, named: plugin.declaration.name)) }
  }
}
