/// The parameters of each route, as the segments of the path that are their values.
struct RouteParameters: Sendable {
  private struct Parameter: BitwiseCopyable {
    /// The index of the segment in the path.
    var place: UInt32
    /// Whether the value extends to the end of the path.
    var isRest: Bool
  }

  /// The parameters of all routes, one route after the other.
  private var parameters: [Parameter] = []
  /// The index of the first parameter of each route, and after the last route the number of all parameters.
  private var starts = [0]

  init(_ patterns: [RoutePattern]) {
    for pattern in patterns {
      for (place, segment) in pattern.segments.enumerated() {
        switch segment {
        case .literal: break
        case .parameter: parameters.append(Parameter(place: UInt32(place), isRest: false))
        case .rest: parameters.append(Parameter(place: UInt32(place), isRest: true))
        }
      }
      starts.append(parameters.count)
    }
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
}
