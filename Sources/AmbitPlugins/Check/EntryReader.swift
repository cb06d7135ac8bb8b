internal import CAmbit

/// Copies a plugin's entry out of its library. All pointers that a plugin declares are followed here.
///
/// The library must stay mapped. That the fields point to what the header asks for (an array of `route_count` routes,
/// texts that end in NUL) is the plugin's promise; it cannot be checked.
@safe
struct EntryReader {
  private let entry: UnsafeRawPointer

  /// Nil if the library has no entry.
  init?(_ library: LibraryHandle) {
    guard let entry = unsafe UnsafeRawPointer(bitPattern: library.address(of: AMBIT_PLUGIN_SYMBOL)) else { return nil }
    unsafe self.entry = entry
  }

  /// The entry's address in the library.
  var address: UInt { unsafe UInt(bitPattern: entry) }

  /// Reads no further than the fields that each ABI has.
  var header: EntryHeader {
    unsafe EntryHeader(
      magic: field(\.magic), major: field(\.abi_major), minor: field(\.abi_minor),
      size: UInt(bitPattern: field(\.size)))
  }

  /// Reads the whole entry of ABI 1.0, whose header must have been checked.
  var image: EntryImage {
    let plugin = unsafe entry.load(as: ambit_plugin.self)
    let count = unsafe UInt(bitPattern: plugin.route_count)
    return unsafe EntryImage(
      name: Self.text(plugin.name), version: Self.text(plugin.version), about: Self.text(plugin.about),
      routes: plugin.routes.map { unsafe Self.routes($0, count: count) }, routeCount: count,
      start: plugin.start, stop: plugin.stop, save: plugin.save, flags: plugin.flags, stackSize: plugin.stack_size)
  }

  private func field<Value: BitwiseCopyable>(_ path: KeyPath<ambit_plugin, Value>) -> Value {
    unsafe entry.load(fromByteOffset: MemoryLayout<ambit_plugin>.offset(of: path)!, as: Value.self)
  }

  private static func routes(_ first: UnsafePointer<ambit_route>, count: UInt) -> [EntryImage.Route] {
    guard count <= EntryImage.maximumRoutes else { return [] }
    return unsafe UnsafeBufferPointer(start: first, count: Int(count)).map { route in
      unsafe EntryImage.Route(
        pattern: text(route.pattern), handler: route.handler, flags: route.flags,
        stackSize: route.stack_size, function: route.function, signature: text(route.signature))
    }
  }

  private static func text(_ pointer: UnsafePointer<CChar>?) -> String? {
    unsafe pointer.map { unsafe String(cString: $0) }
  }
}

/// The first fields of an entry, which say whether the rest may be read. Every ABI has them at the same place.
struct EntryHeader: Equatable {
  var magic: UInt32
  var major: UInt16
  var minor: UInt16
  var size: UInt
}

/// An entry of this ABI as the plugin wrote it, nothing checked, with the plugin's texts copied.
@safe
struct EntryImage {
  /// The most routes that are read, so that a wrong count does not lead far past the plugin's array.
  static let maximumRoutes: UInt = 65_535

  @safe
  struct Route {
    var pattern: String?
    var handler: ambit_handler?
    var flags: UInt32 = 0
    var stackSize: UInt32 = 0
    var function: ambit_function?
    var signature: String?
  }

  var name: String?
  var version: String?
  var about: String?
  /// Nil if the pointer is NULL. Empty if the count is above `maximumRoutes`.
  var routes: [Route]?
  var routeCount: UInt
  var start: ambit_handler?
  var stop: ambit_stop_fn?
  var save: ambit_handler?
  var flags: UInt32
  var stackSize: UInt32
}
