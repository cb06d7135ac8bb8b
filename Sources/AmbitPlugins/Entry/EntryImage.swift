import CAmbit

/// The first fields of an entry, which tell whether the rest may be read. Every ABI has them at the same place.
struct EntryHeader: Equatable {
  var magic: UInt32
  var major: UInt16
  var minor: UInt16
  var size: UInt
}

/// An entry of this ABI as the plugin wrote it, nothing checked, with the plugin's texts copied.
struct EntryImage {
  /// The most routes that are read, so that a wild count does not lead past the plugin's array.
  static let maximumRoutes: UInt = 65_535

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
