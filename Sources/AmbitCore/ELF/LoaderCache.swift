/// `/etc/ld.so.cache`, in which ldconfig(8) lists the file for each library name.
///
/// Reads only the entries for this machine that every processor can run, and skips the variants for newer processors
/// (glibc-hwcaps).
public struct LoaderCache: Sendable {
  private let paths: [String: String]

  /// Reads the bytes of the file. The cache is empty if their format is not known.
  public init(_ file: Span<UInt8>) {
    var paths: [String: String] = [:]
    try? Self.read(file) { name, path in
      if paths[name] == nil { paths[name] = path }
    }
    self.paths = paths
  }

  /// The path of the library `name`; nil if the cache does not contain it.
  public func path(of name: String) -> String? { paths[name] }

  /// The libraries that differ from `name` in the version alone: `libz.so.1` for `libz.so`, in order.
  public func versions(of name: String) -> [String] {
    guard let end = name.firstRange(of: ".so")?.upperBound else { return [] }
    let stem = name[..<end]
    return paths.keys.filter { $0.hasPrefix(stem) && ($0 == stem || $0.hasPrefix("\(stem).")) && $0 != name }.sorted()
  }

  private static let magic = Array("glibc-ld.so.cache1.1".utf8)
  private static let oldMagic = Array("ld.so-1.7.0".utf8)

  /// The header is the magic text, the number of entries, the size of the strings, and 20 more bytes. An entry has
  /// flags, the offsets of name and path, an OS version and hardware capabilities.
  private static func read(_ file: Span<UInt8>, _ add: (String, String) -> Void) throws(ELFError) {
    guard let start = try startOfHeader(file) else { return }
    let count = try file.integer(UInt32.self, at: start + 20, of: .header)
    for index in 0..<UInt64(count) {
      let entry = start + 48 + 24 * index
      let flags = try file.integer(UInt32.self, at: entry, of: .header)
      let capabilities = try file.integer(UInt64.self, at: entry + 16, of: .header)
      guard flags == hostFlags, capabilities == 0 else { continue }
      let name = try file.integer(UInt32.self, at: entry + 4, of: .header)
      let path = try file.integer(UInt32.self, at: entry + 8, of: .header)
      add(try file.text(at: start, plus: UInt64(name)), try file.text(at: start, plus: UInt64(path)))
    }
  }

  /// The current format can follow a table in the old format of libc5, whose entries have 12 bytes each.
  private static func startOfHeader(_ file: Span<UInt8>) throws(ELFError) -> UInt64? {
    guard !file.starts(with: magic) else { return 0 }
    guard file.starts(with: oldMagic) else { return nil }
    let end = 16 + 12 * UInt64(try file.integer(UInt32.self, at: 12, of: .header))
    let start = (end + 7) / 8 * 8
    for (index, byte) in magic.enumerated() {
      guard try file.integer(UInt8.self, at: start + UInt64(index), of: .header) == byte else { return nil }
    }
    return start
  }

  /// The flags of a library for glibc (3) on this processor.
  private static var hostFlags: UInt32 {
    #if arch(x86_64)
      0x303
    #elseif arch(arm64)
      0xa03
    #endif
  }
}
