import Testing

@testable import AmbitCore

@Suite("Route cache") struct RouteCacheTests {
  private func route(_ method: Method, _ path: [UInt8], in known: inout RouteCache) -> Int? {
    known.route(method, path.span.bytes)
  }

  private func keep(_ route: Int, _ path: [UInt8], method: Method = .get, in known: inout RouteCache) {
    known.keep(route, for: method, path.span.bytes)
  }

  @Test(arguments: 1...16) func `The route cache knows a path by all its bytes and its length`(length: Int) {
    let path = (0..<length).map { UInt8($0 == 0 ? 0x2f : 0x60 + $0) }
    var known = RouteCache()
    keep(7, path, in: &known)
    #expect(route(.get, path, in: &known) == 7)
    for index in path.indices {
      var other = path
      other[index] ^= 1
      #expect(route(.get, other, in: &known) == nil, "byte \(index) does not count")
    }
    #expect(route(.get, path + [0], in: &known) == nil)
    #expect(route(.get, Array(path.dropLast()), in: &known) == nil)
  }

  @Test func `The route cache tells methods apart, and keeps no unusual method`() {
    let path = Array("/path".utf8)
    var known = RouteCache()
    keep(1, path, method: .post, in: &known)
    #expect(route(.get, path, in: &known) == nil)
    #expect(route(.post, path, in: &known) == 1)
    keep(2, path, method: .other, in: &known)
    #expect(route(.other, path, in: &known) == nil)
    #expect(route(.post, path, in: &known) == 1)
  }

  @Test func `The route cache keeps no path that is empty or long`() {
    var known = RouteCache()
    for path in [[], Array("/seventeen-bytes_".utf8)] {
      keep(1, path, in: &known)
      #expect(route(.get, path, in: &known) == nil)
    }
  }

  @Test func `The route cache keeps the later of two paths with one place, and mistakes none for another`() {
    let paths = (0..<1000).map { Array("/\($0)/item".utf8) }
    var known = RouteCache()
    for (index, path) in paths.enumerated() {
      keep(index, path, in: &known)
      #expect(route(.get, path, in: &known) == index)
    }
    var found = 0
    for (index, path) in paths.enumerated() {
      guard let route = route(.get, path, in: &known) else { continue }
      #expect(route == index)
      found += 1
    }
    #expect(found <= 64)
    #expect(found > 48, "paths do not spread over the places")
  }
}
