/// The bytes of a shared library that contains nothing but is linked with other libraries. Opening the stub opens these
/// libraries under the names by which further libraries link them.
///
/// The loader knows a library that was opened by its path only by this path and by its SONAME. So it would not find a
/// library without a SONAME again by its name. It does find a library that it has opened through a RUNPATH.
public enum StubLibrary {
  /// - Parameters:
  ///   - names: the libraries, each after those that it is linked with.
  ///   - folders: the folders with the libraries, relative to the folder of the stub.
  public static func bytes(linkedWith names: [String], in folders: [String]) -> [UInt8] {
    var strings: [UInt8] = [0]
    func place(_ text: String) -> UInt64 {
      defer { strings += Array(text.utf8) + [0] }
      return UInt64(strings.count)
    }
    var dynamic: [(UInt64, UInt64)] = names.map { (1, place($0)) }  // DT_NEEDED
    let runPath = folders.map { "$ORIGIN/\($0)" }.joined(separator: ":")
    dynamic.append((29, place(runPath)))  // DT_RUNPATH
    let dynamicSize = UInt64(16 * (dynamic.count + 5))
    let (symbols, stringTable) = (headerSize + dynamicSize, headerSize + dynamicSize + symbolSize)
    dynamic += [
      (5, stringTable), (10, UInt64(strings.count)),  // DT_STRTAB, DT_STRSZ
      (6, symbols), (11, symbolSize), (0, 0),  // DT_SYMTAB, DT_SYMENT, DT_NULL
    ]
    var file = header(size: stringTable + UInt64(strings.count), dynamicSize: dynamicSize)
    for (tag, value) in dynamic { put(tag, value, in: &file) }
    file += [UInt8](repeating: 0, count: Int(symbolSize)) + strings
    return file
  }

  private static let symbolSize: UInt64 = 24
  /// The file header and three program headers.
  private static let headerSize: UInt64 = 64 + 3 * 56

  /// Three program headers: one segment with the whole file, writable because the loader writes into the dynamic
  /// section; the dynamic section; and a stack that is not executable.
  private static func header(size: UInt64, dynamicSize: UInt64) -> [UInt8] {
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
    put(UInt16(3), UInt16(ELF.Machine.host.rawValue), in: &bytes)
    put(UInt32(1), in: &bytes)
    put(UInt64(0), UInt64(64), UInt64(0), in: &bytes)
    put(UInt32(0), in: &bytes)
    put(UInt16(64), UInt16(56), UInt16(3), UInt16(64), UInt16(0), UInt16(0), in: &bytes)
    put(segment: 1, flags: 6, offset: 0, size: size, alignment: 65_536, in: &bytes)
    put(segment: 2, flags: 6, offset: headerSize, size: dynamicSize, alignment: 8, in: &bytes)
    put(segment: 0x6474_e551, flags: 6, offset: 0, size: 0, alignment: 16, in: &bytes)
    return bytes
  }

  private static func put(
    segment type: UInt32, flags: UInt32, offset: UInt64, size: UInt64, alignment: UInt64, in bytes: inout [UInt8]
  ) {
    put(type, flags, in: &bytes)
    put(offset, offset, offset, size, size, alignment, in: &bytes)
  }

  private static func put<Value: FixedWidthInteger>(_ values: Value..., in bytes: inout [UInt8]) {
    for value in values {
      for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: value >> shift))
      }
    }
  }
}
