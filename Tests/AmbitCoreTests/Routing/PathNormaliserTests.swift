import AmbitCore
import TestSupport
import Testing

@Suite("Normalising a path") struct PathNormaliserTests {
  @Test(arguments: [
    ("/", [""]), ("/a", ["a"]), ("/a/", ["a", ""]), ("/a/b.c", ["a", "b.c"]), ("//", ["", ""]),
    ("/a//b", ["a", "", "b"]), ("/...", ["..."]), ("/.a/b./..c/d..", [".a", "b.", "..c", "d.."]),
    ("/a+b;c=d", ["a+b;c=d"]),
  ])
  func `A path that needs no change is left as sent`(path: String, segments: [String]) throws {
    let normal = try normalise(Array(path.utf8))
    let expected = Normalised(path: Array(path.utf8), segments: segments.map { Array($0.utf8) }, isCopied: false)
    #expect(normal == expected)
  }

  @Test(arguments: [
    ("", "/", [""]), ("/%61", "/a", ["a"]), ("/%41%7a/b", "/Az/b", ["Az", "b"]), ("/a%20b", "/a b", ["a b"]),
    ("/a+b%2B", "/a+b+", ["a+b+"]), ("/%2541", "/%41", ["%41"]), ("/%3F%23", "/?#", ["?#"]),
    ("//%61", "//a", ["", "a"]),
  ])
  func `Escapes in a path are decoded once`(path: String, decoded: String, segments: [String]) throws {
    let normal = try normalise(Array(path.utf8))
    let expected = Normalised(path: Array(decoded.utf8), segments: segments.map { Array($0.utf8) }, isCopied: true)
    #expect(normal == expected)
  }

  @Test(arguments: [
    ("/.", "/"), ("/./", "/"), ("/a/.", "/a/"), ("/a/./b", "/a/b"), ("/a/..", "/"), ("/a/../", "/"), ("/a/b/..", "/a/"),
    ("/a/../b", "/b"), ("/a/b/../../c", "/c"), ("/a/b/../c/./d", "/a/c/d"), ("/a//../b", "/a/b"), ("/a/..//b", "//b"),
    ("/%2e", "/"), ("/a/%2E%2e/b", "/b"), ("/a/.%2e/b", "/b"), ("/a/%2e./b", "/b"), ("/a/b/c/./../../g", "/a/g"),
  ])
  func `Dot segments are removed from a path, however they are written`(path: String, normal: String) throws {
    let result = try normalise(Array(path.utf8))
    #expect(String(decoding: result.path, as: UTF8.self) == normal)
    let segments = normal.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map { Array($0.utf8) }
    #expect(result.segments == segments)
  }

  @Test func `An encoded slash stays inside its segment`() throws {
    let normal = try normalise(Array("/a%2Fb/c%2f".utf8))
    #expect(normal.path == Array("/a/b/c/".utf8))
    #expect(normal.segments == [Array("a/b".utf8), Array("c/".utf8)])
  }

  @Test func `Bytes beyond ASCII pass through a path`() throws {
    let normal = try normalise(Array("/%ff%C3%A9".utf8) + [0xC3])
    #expect(normal.segments == [[0xFF, 0xC3, 0xA9, 0xC3]])
  }

  @Test(arguments: [
    ("a", PathError.notAbsolute), ("*", .notAbsolute), ("%2Fa", .notAbsolute), ("/%", .malformedEscape),
    ("/a%4", .malformedEscape), ("/%4/1", .malformedEscape), ("/%G1", .malformedEscape), ("/%1g", .malformedEscape),
    ("/%%41", .malformedEscape), ("/%+1", .malformedEscape), ("/%00", .nul), ("/a/b%00.txt", .nul),
    ("/..", .climbsAboveRoot), ("/a/../..", .climbsAboveRoot), ("/%2e%2e/a", .climbsAboveRoot),
    ("/./../a", .climbsAboveRoot), ("/..%2Fa", .hiddenDotSegment), ("/a%2f..", .hiddenDotSegment),
    ("/a/b%2F%2e%2e%2Fc", .hiddenDotSegment), ("/a%2F.%2Fb", .hiddenDotSegment), ("/%2F.", .hiddenDotSegment),
    ("/a/x%2F../%00", .hiddenDotSegment),
  ])
  func `A path without a safe meaning is refused`(path: String, refusal: PathError) {
    #expect(throws: refusal) { try normalise(Array(path.utf8)) }
    #expect(refusal.status == 400)
  }

  @Test func `A path with more segments than there is room for is refused`() throws {
    #expect(try normalise(Array("/a/b".utf8), capacity: 2).segments.count == 2)
    #expect(throws: PathError.tooManySegments) { try normalise(Array("/a/b/c".utf8), capacity: 2) }
    #expect(throws: PathError.tooManySegments) { try normalise(Array("/%61/b/c".utf8), capacity: 2) }
    #expect(try normalise(Array("/a/b/../c".utf8), capacity: 2).segments == [[UInt8(ascii: "a")], [UInt8(ascii: "c")]])
    #expect(PathError.tooManySegments.status == 414)
  }

  @Test func `Each refusal of a path has a line of its own`() {
    let texts = PathError.allCases.map { String(describing: $0.text) }
    #expect(Set(texts).count == texts.count)
    #expect(texts.allSatisfy { !$0.isEmpty && !$0.contains { $0.isNewline } })
  }

  @Test(arguments: UInt64(1)...20)
  func `Normalising a normalised path changes nothing`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let pieces = ["/", "/", ".", "..", "%2e", "%2F", "a", "b", "%41", "%25", "%", "%00", "é"]
    for _ in 0..<500 {
      let count = Int.random(in: 0...12, using: &random)
      let raw = "/" + (0..<count).map { _ in pieces.randomElement(using: &random)! }.joined()
      guard let normal = try? normalise(Array(raw.utf8)) else { continue }
      #expect(normal.path == normal.segments.flatMap { [UInt8(ascii: "/")] + $0 }, "\(raw), seed \(seed)")
      #expect(normal.path.count <= raw.utf8.count, "\(raw), seed \(seed)")
      let parts = normal.path.split(separator: UInt8(ascii: "/"))
      #expect(!parts.contains { $0 == [0x2E] || $0 == [0x2E, 0x2E] }, "\(raw), seed \(seed)")
      #expect(!normal.path.contains(0), "\(raw), seed \(seed)")
    }
  }
}
