import AmbitCore
import Testing

@Suite struct `Tables of text` {
  @Test func `A table of text has columns that stand below each other`() {
    var table = TextTable()
    table.add("A", "LONGER", "LAST")
    table.add("längst", "b", "")
    table.add("c", "d", "something long")
    #expect(table.lines == ["A       LONGER  LAST", "längst  b       ", "c       d       something long"])
  }

  @Test func `A table of text takes lines of different lengths`() {
    var table = TextTable(indentation: 2)
    table.add("one")
    table.add("two", "three")
    #expect(table.lines == ["  one", "  two  three"])
    #expect(TextTable().lines.isEmpty)
  }
}
