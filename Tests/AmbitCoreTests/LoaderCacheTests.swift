import AmbitCore
import Testing

@Suite struct `The cache of the system's loader` {
  @Test func `The loader cache gives the file of a name`() {
    let cache = LoaderCache(bytes([(Self.flags, "libz.so.1", "/lib/libz.so.1.2", 0)]).span)
    #expect(cache.path(of: "libz.so.1") == "/lib/libz.so.1.2")
    #expect(cache.path(of: "libz.so") == nil)
  }

  @Test func `The loader cache gives the other versions of a name`() {
    let names = ["libz.so.1", "libz.so.10", "libzip.so.4", "libxlibz.so.1", "libz-1.so"]
    let cache = LoaderCache(bytes(names.map { (Self.flags, $0, "/lib/\($0)", 0) }).span)
    #expect(cache.versions(of: "libz.so") == ["libz.so.1", "libz.so.10"])
    #expect(cache.versions(of: "libz.so.1") == ["libz.so.10"])
    #expect(cache.versions(of: "libnope.so.1") == [] && cache.versions(of: "z") == [])
  }

  @Test func `The loader cache skips other machines and newer processors`() {
    let entries: [Entry] = [
      (0x3, "libz.so.1", "/lib32/libz.so.1", 0), (Self.flags, "libz.so.1", "/lib/glibc-hwcaps/libz.so.1", 1 << 62),
      (Self.flags, "libz.so.1", "/lib/libz.so.1", 0), (Self.flags, "libz.so.1", "/second/libz.so.1", 0),
    ]
    #expect(LoaderCache(bytes(entries).span).path(of: "libz.so.1") == "/lib/libz.so.1")
  }

  @Test func `The loader cache is found behind a cache in the old form`() {
    let new = bytes([(Self.flags, "liba.so", "/a/liba.so", 0)])
    let old = Array("ld.so-1.7.0\0".utf8) + integer(UInt32(1)) + [UInt8](repeating: 0, count: 12 + 4)
    #expect(LoaderCache((old + new).span).path(of: "liba.so") == "/a/liba.so")
  }

  @Test func `The loader cache is empty if it is cut short or something else`() {
    let whole = bytes([(Self.flags, "liba.so", "/a/liba.so", 0)])
    for length in whole.indices { #expect(LoaderCache(Array(whole[..<length]).span).path(of: "liba.so") == nil) }
    #expect(LoaderCache(Array("no cache at all".utf8).span).path(of: "liba.so") == nil)
  }

  private typealias Entry = (flags: UInt32, name: String, path: String, capabilities: UInt64)

  private static var flags: UInt32 {
    #if arch(x86_64)
      0x303
    #else
      0xa03
    #endif
  }

  private func bytes(_ entries: [Entry]) -> [UInt8] {
    var strings: [UInt8] = []
    var table: [UInt8] = []
    let start = 48 + 24 * entries.count
    for entry in entries {
      table += integer(entry.flags) + integer(UInt32(start + strings.count))
      strings += Array(entry.name.utf8) + [0]
      table += integer(UInt32(start + strings.count)) + integer(UInt32(0)) + integer(entry.capabilities)
      strings += Array(entry.path.utf8) + [0]
    }
    let header = Array("glibc-ld.so.cache1.1".utf8) + integer(UInt32(entries.count)) + integer(UInt32(strings.count))
    return header + [UInt8](repeating: 0, count: 20) + table + strings
  }

  private func integer<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}
