@testable import AmbitPlugins
import Foundation
import TestSupport
import Testing

@Suite struct `Records of builds` {
  @Test(arguments: [
    ("object: a.c b.h\n", ["a.c", "b.h"]), ("object: a.c \\\n b.h \\\n  /usr/c.h\n", ["a.c", "b.h", "/usr/c.h"]),
    ("object:\n", []),
    ("object: my\\ dir/a.c x\\\\\\ y\n", ["my dir/a.c", "x\\ y"]), ("object: a$$b.h $$$$\n", ["a$b.h", "$$"]),
    ("object: a\\#b.h c\\d.h\n", ["a#b.h", "c\\d.h"]), ("object: a.c", ["a.c"]),
  ])
  func `The files of a compiler's rule are found whatever their names have in them`(rule: String, files: [String]) {
    #expect(DependencyRule.files(in: Array(rule.utf8)) == files)
    #expect(DependencyRule.files(in: Array("x\(rule)".utf8)) == nil)
  }

  /// Clang writes a slash for a backslash.
  @Test(arguments: ["cc", "clang"])
  func `The rule that a real compiler writes names each file that it has read`(compiler: String) throws {
    let folder = try TemporaryFolder()
    let names = [
      "plain.h", "with blank.h", "do$$ar.h", "ha#sh.h", "back\\slash.h", "back\\ blank.h", "é.h", "per%cent.h",
    ]
    .filter { compiler == "cc" || !$0.contains("\\") }
    for name in names { try folder.write("", to: name) }
    let text = names.map { "#include \"\($0)\"\n" }.joined()
    try folder.write(text, to: "a b.c")
    let words = ["-c", "a b.c", "-o", "/dev/null", "-MD", "-MF", "rule", "-MT", "object"]
    let result = try run(try #require(Places.tool(compiler)), words, in: folder.url)
    try #require(result.status == .exited(0), "\(result.errors)")
    let rule = Array(try Data(contentsOf: folder.url.appending(path: "rule")))
    #expect(Set(try #require(DependencyRule.files(in: rule))).isSuperset(of: names + ["a b.c"]))
  }

  private static let record = BuildRecord(
    recipe: ["CFLAGS=-DA='b\nc' 100%", "source=a.c"],
    library: BuildInput(path: "a.so", state: FileState("1 2 3 4 5".split(separator: " "))!, hash: "abc"),
    inputs: [
      BuildInput(path: "a/\u{10FFFF} b%0a\r\n.c", state: FileState("6 -7 8 9 10".split(separator: " "))!, hash: "d"),
      BuildInput(path: "/usr/é.h", state: FileState("1 1 1 1 1".split(separator: " "))!, hash: nil),
    ])

  @Test func `A record is read as it was written, whatever the names of its files are`() {
    #expect(BuildRecord(Self.record.bytes) == Self.record)
    #expect(Self.record.bytes.allSatisfy { $0 == 0x0A || (0x20...0x7E).contains($0) })
  }

  @Test func `A record that was cut short or changed anywhere is no record`() {
    let bytes = Self.record.bytes
    for count in 0..<bytes.count { #expect(BuildRecord(Array(bytes[..<count])) == nil) }
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1
      #expect(BuildRecord(changed) == nil)
    }
    #expect(BuildRecord(bytes + [0x0A]) == nil)
  }
}
