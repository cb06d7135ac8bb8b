internal import AmbitCore
package import AmbitRuntime
internal import CAmbit
internal import CLinux
internal import Glibc
internal import Synchronization

// Calls that run one at a time do so per mapped image, because an image has one set of variables. A library with
// several names is one image, and a function that a library passes on belongs to the image that defines it.

/// The lanes of all images whose functions are called one at a time.
///
/// An image keeps its lane, and its own thread, as long as it is mapped, over all generations of routes to it.
enum LibraryLanes {
  private static let lanes = Mutex<[UInt: SerialLane]>([:])
  /// The number of generations that have routes to an image.
  private static let users = Mutex<[UInt: Int]>([:])

  /// The lane of an image. A new lane is called `name` in messages.
  static func lane(of image: UInt, named name: String) -> SerialLane {
    lanes.withLock { lanes in
      if let lane = lanes[image] { return lane }
      let lane = SerialLane(name: name)
      lanes[image] = lane
      return lane
    }
  }

  /// Counts a new generation of an image.
  static func addUser(of image: UInt) { users.withLock { $0[image, default: 0] += 1 } }

  /// Counts down when a generation of an image has ended.
  /// - Returns: the lane, if no generation uses it any more.
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
  /// The lane for calls of the function; nil if they run in parallel.
  func lane(of function: ambit_function, _ call: CallRoute) -> SerialLane? {
    guard call.placement.isSerial else { return nil }
    return LibraryLanes.lane(of: SystemLoader.image(of: function), named: declaration.name)
  }

  /// Throws for functions that would run on several event loops at once although nobody says that they are thread-safe.
  func refuseUnknownSafety(of calls: [WantedFunction], _ functions: [ambit_function]) throws(PluginError) {
    let known = SystemLoader.mathImage
    let errors = zip(calls, functions).compactMap { call, function -> PluginProblem? in
      guard call.mustBeKnownAsSafe, SystemLoader.image(of: function) != known else { return nil }
      return PluginProblem(
        code: .unsafeFunction, plugin: declaration.name, file: copy.file.path,
        reason:
          "\(call.place): blocking = false calls \(call.symbol) on several event loops at once, and the host does "
          + "not know that it is thread-safe: expected a function of the system's libm, found one of another library; "
          + #"if it is thread-safe, add "serial = false", else remove "blocking""#)
    }
    guard errors.isEmpty else { throw PluginError(problems: errors) }
  }
}

/// A configured route with the library whose function it calls. It names the library by its file, so it is the same in
/// every process.
package struct LibraryCall: Codable, Sendable {
  /// The library or plugin, as the operator names it.
  package let library: String
  package let call: CallRoute
  /// The identity of the library that has the function: the path of a file that is used in place, the hash of a copy.
  let identity: String

  /// The routes of `calls` whose functions the library has. Blocks while the system's loader is busy.
  package static func all(_ calls: [CallRoute], of plugin: LoadedPlugin) -> [LibraryCall] {
    MappedCall.all(calls, of: plugin).map(\.call)
  }

  /// The routes of a library after its dry run: `images` are the files of the images that have the functions.
  package static func all(_ calls: [CallRoute], of copy: PluginCopy, in images: [String]) -> [LibraryCall] {
    zip(calls, images).map { call, path in
      LibraryCall(library: copy.file.path, call: call, identity: copy.identity(ofImage: path))
    }
  }

  /// Whether another route wants a thread of its own for the same library.
  package func sharesOwnThread(among all: [LibraryCall]) -> Bool {
    all.contains { $0.identity == identity && $0.call.placement == .ownThread }
  }

  /// The first of `others` that calls the same library and wants it on another thread.
  package func conflict(among others: [LibraryCall]) -> LibraryCall? {
    others.first { other in
      other.identity == identity && other.call != call
        && !(call.placement.fits(ownThreadOf: other.call.placement)
          && other.call.placement.fits(ownThreadOf: call.placement))
    }
  }
}

/// A configured route, and the image in this process that has its function.
struct MappedCall: Sendable {
  let call: LibraryCall
  /// The loader's identity for the image.
  let image: UInt

  /// The routes of `calls` whose functions the library has. Blocks while the system's loader is busy.
  static func all(_ calls: [CallRoute], of plugin: LoadedPlugin) -> [MappedCall] {
    calls.compactMap { call in
      guard case .function(let function) = plugin.symbol(call.symbol) else { return nil }
      let identity = plugin.copy.identity(ofImage: SystemLoader.imagePath(of: function))
      return MappedCall(
        call: LibraryCall(library: plugin.declaration.name, call: call, identity: identity),
        image: SystemLoader.image(of: function))
    }
  }

  /// The lane of the image, if calls of the route run one at a time; else nil.
  var lane: SerialLane? {
    call.call.placement.isSerial ? LibraryLanes.lane(of: image, named: call.library) : nil
  }
}

extension PluginGeneration {
  /// The configured routes among its routes.
  package var libraryCalls: [LibraryCall] { mappedCalls.map(\.call) }

  /// Assigns each library that routes of these generations call to the thread that the routes ask for. Call it before
  /// the routes are published; it takes effect at the next call.
  package static func assignThreads(to generations: some Sequence<PluginGeneration>) {
    let mapped = generations.flatMap(\.mappedCalls)
    let calls = mapped.map(\.call)
    for mapped in mapped {
      mapped.lane?.usesOwnThread.store(mapped.call.sharesOwnThread(among: calls), ordering: .relaxed)
    }
  }

  /// Closes the lane of the image if no other generation uses it. Its own thread, if any, ends.
  func closeLane() {
    guard !plugin.isUsedInPlace, let lane = LibraryLanes.removeUser(of: plugin.image) else { return }
    loops.close(lane)
  }
}

extension PluginCopy {
  /// Copies of the same content count as one image, because the host loads only one of them.
  fileprivate func identity(ofImage path: String) -> String { path == self.path ? hash?.description ?? path : path }
}

/// A route to a C function, and the threads that the function runs on.
package struct FunctionRoute: Codable, Sendable, Equatable {
  package let pattern: String
  /// See `CallPlacement.text`.
  package let runs: String
}

extension PluginGeneration {
  /// Its function routes, those that the plugin declares first.
  package var functionRoutes: [FunctionRoute] {
    let allBlock = plugin.declaration.flags.contains(.threads)
    let own = zip(plugin.declaration.routes, routes).compactMap { declared, bound -> FunctionRoute? in
      guard case .function = declared.target else { return nil }
      let placement = CallPlacement.ofPlugin(isBlocking: allBlock || declared.flags.contains(.blocking))
      return FunctionRoute(pattern: bound.pattern.description, runs: placement.text(sharesOwnThread: false))
    }
    return own
      + mappedCalls.map { mapped in
        let call = mapped.call.call
        let isOnOwnThread = mapped.lane?.usesOwnThread.load(ordering: .relaxed) ?? false
        return FunctionRoute(
          pattern: call.pattern.description, runs: call.placement.text(sharesOwnThread: isOnOwnThread))
      }
  }

  /// A report on each lane of its routes. From any thread.
  package var laneReports: [SerialLaneReport] {
    let calls = mappedCalls.filter { $0.call.call.placement.isSerial }
    return Set(calls.map(\.image)).map { loops.report(on: LibraryLanes.lane(of: $0, named: plugin.declaration.name)) }
  }
}
