import AmbitCore
import Testing

@Suite struct `A library that opens others` {
  @Test func `A library that opens others is a whole library that is linked with them, in their order`() throws {
    let names = ["libinner.so", "libouter.so.1"]
    let bytes = StubLibrary.bytes(linkedWith: names, in: ["a1", "b2"])
    let facts = try LibraryFacts(of: bytes.span)
    #expect(facts.needed == names)
    #expect(facts.links.searchPath == ["$ORIGIN/a1", "$ORIGIN/b2"])
    #expect(!facts.links.searchesFirst)
    #expect(throws: Never.self) { try facts.checkLoadable() }
  }
}
