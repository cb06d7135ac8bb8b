import CAmbit

/// Copies a plugin's entry out of its library. All dereferencing of what a plugin declares happens here.
///
/// The pointer must come from a library that is still mapped. That its fields point to what the header asks for (an
/// array of `route_count` routes, texts that end in NUL) is the plugin's promise; it cannot be checked.
enum EntryReader {
  /// Reads no further than the fields that each ABI has.
  static func header(of entry: UnsafeRawPointer) -> EntryHeader {
    EntryHeader(
      magic: field(\.magic, of: entry), major: field(\.abi_major, of: entry), minor: field(\.abi_minor, of: entry),
      size: UInt(bitPattern: field(\.size, of: entry)))
  }

  /// Reads the whole entry of ABI 1.0, whose header must have been checked.
  static func image(of entry: UnsafeRawPointer) -> EntryImage {
    let plugin = entry.load(as: ambit_plugin.self)
    let count = UInt(bitPattern: plugin.route_count)
    return EntryImage(
      name: text(plugin.name), version: text(plugin.version), about: text(plugin.about),
      routes: plugin.routes.map { routes($0, count: count) }, routeCount: count,
      start: plugin.start, stop: plugin.stop, save: plugin.save, flags: plugin.flags, stackSize: plugin.stack_size)
  }

  private static func field<Value: BitwiseCopyable>(
    _ path: KeyPath<ambit_plugin, Value>, of entry: UnsafeRawPointer
  ) -> Value {
    entry.load(fromByteOffset: MemoryLayout<ambit_plugin>.offset(of: path)!, as: Value.self)
  }

  private static func routes(_ first: UnsafePointer<ambit_route>, count: UInt) -> [EntryImage.Route] {
    guard count <= EntryImage.maximumRoutes else { return [] }
    return UnsafeBufferPointer(start: first, count: Int(count)).map { route in
      EntryImage.Route(
        pattern: text(route.pattern), handler: route.handler, flags: route.flags,
        stackSize: route.stack_size, function: route.function, signature: text(route.signature))
    }
  }

  private static func text(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }
}
