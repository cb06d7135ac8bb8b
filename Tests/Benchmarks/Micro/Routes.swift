import AmbitCore

/// What it costs to find the route of a path as a client sent it, among few and among many.
enum Routes {
  /// Lookups in a row: every route is found before one is found again.
  private static let count = 200_000

  static func measure() {
    measureTable("route: normalise, find, of 10", routes: 10)
    measureTable("route: normalise, find, of 1,000", routes: 1000)
    measureTable("route: normalise, find, of 100,000", routes: 100_000)
  }

  private static func measureTable(_ name: String, routes: Int) {
    let table = table(of: routes)
    let paths = Paths(of: routes)
    let method = Array("GET".utf8)
    var buffer = [UInt8](repeating: 0, count: 64)
    var segments = [ByteRange](repeating: ByteRange(), count: RoutePattern.maximumSegments)
    measureFigure(name, operations: count) {
      processorTime {
        var next = 0
        for _ in 0..<count {
          let path = paths.bytes.span.bytes.extracting(paths.places[next].bounds)
          find(path, method: method.span.bytes, in: table, &buffer, &segments)
          next = next + 1 == paths.places.count ? 0 : next + 1
        }
      }
    }
  }

  private static func table(of routes: Int) -> RouteTable {
    do {
      return try RouteTable((0..<routes).map { try RoutePattern("GET /service-\($0)/items/{id}") })
    } catch {
      fatalError("ambit-micro: the table of \(routes) routes: \(error)")
    }
  }

  @inline(__always)
  private static func find(
    _ path: RawSpan, method: RawSpan, in table: RouteTable, _ buffer: inout [UInt8], _ segments: inout [ByteRange]
  ) {
    var bytes = buffer.mutableSpan
    var rawBytes = bytes.mutableBytes
    var ranges = segments.mutableSpan
    guard case .asSent(let count) = PathNormaliser.normalise(path, into: &rawBytes, segments: &ranges) else {
      fatalError("ambit-micro: the path is not normal as it was sent")
    }
    let match = table.find(method: method, path: path, segments: ranges.span.extracting(first: count))
    guard case .route = match else { fatalError("ambit-micro: looked for a route, found \(match)") }
  }
}

/// Paths to look for, one after the other in memory.
private struct Paths {
  private(set) var bytes: [UInt8] = []
  private(set) var places: [ByteRange] = []

  /// A path for each of `routes` routes. They go on by a prime step, so that the table is not walked in the order in
  /// which it lies in memory.
  init(of routes: Int) {
    for index in 0..<routes {
      let path = "/service-\(index * 7919 % routes)/items/42".utf8
      places.append(ByteRange(offset: UInt32(bytes.count), length: UInt32(path.count)))
      bytes += path
    }
  }
}
