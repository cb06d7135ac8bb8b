/// The parameters of each route: their names, and which segments of the path are their values.
struct RouteParameters: Sendable {
  private struct Parameter: BitwiseCopyable {
    /// The index of the segment in the path.
    var place: UInt32
    /// Whether the value extends to the end of the path.
    var isRest: Bool
    var nameOffset: UInt32
    var nameLength: UInt32
  }

  /// The parameters of all routes, one route after the other.
  private var parameters: [Parameter] = []
  /// The index of the first parameter of each route, and after the last route the number of all parameters.
  private var starts = [0]
  /// The bytes of all names.
  private var names: [UInt8] = []

  init(_ patterns: [RoutePattern]) {
    for pattern in patterns {
      for (place, segment) in pattern.segments.enumerated() {
        switch segment {
        case .literal: break
        case .parameter(let name): append(name, place: place, isRest: false)
        case .rest(let name): append(name, place: place, isRest: true)
        }
      }
      starts.append(parameters.count)
    }
  }

  private mutating func append(_ name: String, place: Int, isRest: Bool) {
    parameters.append(
      Parameter(
        place: UInt32(place), isRest: isRest, nameOffset: UInt32(names.count), nameLength: UInt32(name.utf8.count)))
    names.append(contentsOf: name.utf8)
  }

  func values(of route: Int, in segments: Span<ByteRange>, into values: inout MutableSpan<ByteRange>) -> Int {
    let first = starts.span[route]
    let count = starts.span[route + 1] &- first
    if count == 0 { return 0 }
    let parameters = parameters.span
    for index in 0..<count {
      let parameter = parameters[first &+ index]
      var value = segments[Int(parameter.place)]
      if parameter.isRest {
        let last = segments[segments.count - 1]
        value.length = last.offset + last.length - value.offset
      }
      values[index] = value
    }
    return count
  }

  func index(of name: RawSpan, in route: Int) -> Int? {
    let parameters = parameters.span
    let first = starts.span[route]
    for index in first..<starts.span[route + 1] {
      let parameter = parameters[index]
      if Int(parameter.nameLength) == name.byteCount,
        name.equals(at: 0, names.span, at: Int(parameter.nameOffset), count: name.byteCount)
      {
        return index - first
      }
    }
    return nil
  }
}

extension RouteTable {
  /// Writes the values of a route's parameters in the order of its pattern, as ranges of the normal path, and returns
  /// their number.
  /// - Parameters:
  ///   - segments: all segments of that path.
  ///   - values: room for `RoutePattern.maximumParameters`.
  public func parameterValues(
    of route: Int, in segments: Span<ByteRange>, into values: inout MutableSpan<ByteRange>
  ) -> Int {
    parameters.values(of: route, in: segments, into: &values)
  }

  /// The index of a parameter in the order of a route's pattern; nil if the route has no parameter of that name. Does
  /// not allocate.
  public func parameterIndex(named name: RawSpan, of route: Int) -> Int? {
    parameters.index(of: name, in: route)
  }
}
