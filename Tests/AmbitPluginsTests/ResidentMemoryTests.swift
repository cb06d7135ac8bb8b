import AmbitPlugins
import Testing

@Suite struct `Memory of mapped files` {
  @Test func `The memory of mapped files adds up the mappings of each file`() {
    let text = """
      55d0a000-55d0b000 r--p 00000000 fd:01 123                        /tmp/a b.so
      Size:                  4 kB
      Rss:                   4 kB
      Anonymous:             0 kB
      7f00a000-7f00b000 rw-p 00000000 00:00 0
      Rss:                 100 kB
      55d0b000-55d0d000 r-xp 00001000 fd:01 123                        /tmp/a b.so
      Rss:                   8 kB
      7f00c000-7f00d000 rw-p 00000000 00:00 0                          [heap]
      Rss:                 100 kB
      7f00e000-7f00f000 r--p 00000000 fd:01 124                        /tmp/c.so
      Rss:                   0 kB
      VmFlags: rd mr mw me
      """
    #expect(ResidentMemory.sums(text) == ["/tmp/a b.so": 12 << 10, "/tmp/c.so": 0])
  }

  @Test func `The C library of this process is among the mapped files`() {
    let files = ResidentMemory.byFile()
    #expect(files.contains { $0.key.contains("/libc.so") && $0.value > 100_000 })
  }
}
