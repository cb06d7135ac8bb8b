import AmbitConfig
import Testing

/// A configuration that an editor has saved in another encoding than UTF-8.
@Suite struct `Encodings of the configuration` {
  private func messages(_ bytes: [UInt8]) -> [String] {
    do throws(ConfigurationErrors) {
      _ = try HostConfiguration.parse(bytes: bytes, file: "host.conf")
      return []
    } catch {
      return error.errors.map(\.description)
    }
  }

  @Test func `A byte that is not UTF-8 is named with its line, its column and what to do`() {
    let text = Array("# é\nplugins = \"Gr".utf8) + [0xF6] + Array("sse\"\n".utf8)
    #expect(
      messages(text) == [
        #"host.conf:2:14: expected UTF-8, found the byte 0xF6 ("ö" in Latin-1); save the file as UTF-8"#
      ])
    #expect(
      messages([0x61, 0x93]) == ["host.conf:1:2: expected UTF-8, found the byte 0x93; save the file as UTF-8"])
    #expect(
      messages(Array("é".utf8.prefix(1)))
        == [#"host.conf:1:1: expected UTF-8, found the byte 0xC3 ("Ã" in Latin-1); save the file as UTF-8"#])
  }

  @Test(arguments: [true, false], [true, false])
  func `UTF-16 is named, with a byte order mark and without`(isLittle: Bool, hasMark: Bool) {
    let units = (hasMark ? [0xFEFF] : []) + Array("threads = 2\n".utf16)
    let bytes = units.flatMap { unit -> [UInt8] in
      let pair = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
      return isLittle ? pair.reversed() : pair
    }
    let found = messages(bytes)
    #expect(found.count == 1)
    #expect(found.first?.hasPrefix("host.conf:1:1: expected UTF-8, found UTF-16 (its first bytes are 0x") == true)
    #expect(found.first?.hasSuffix("; save the file as UTF-8") == true)
  }

  @Test func `UTF-32 is named`() {
    #expect(messages([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0]).first?.contains("found UTF-32 ") == true)
    #expect(messages([0x61, 0, 0, 0]).first?.contains("found UTF-32 ") == true)
  }

  @Test func `A byte order mark of UTF-8 is skipped, and columns do not count it`() {
    #expect(messages([0xEF, 0xBB, 0xBF] + Array("threads = 2\n".utf8)) == [])
    let wrong = messages([0xEF, 0xBB, 0xBF] + Array("thread = 2\n".utf8))
    #expect(wrong.first?.hasPrefix("host.conf:1:1: unknown key \"thread\"") == true, "\(wrong)")
    let byte = messages([0xEF, 0xBB, 0xBF] + Array("# ".utf8) + [0xFF])
    #expect(byte.first?.hasPrefix("host.conf:1:3: ") == true, "\(byte)")
  }

  @Test func `An empty file and a short one are valid`() {
    #expect(messages([]) == [] && messages([0x23]) == [] && messages([0x0A, 0x0A]) == [])
  }
}
