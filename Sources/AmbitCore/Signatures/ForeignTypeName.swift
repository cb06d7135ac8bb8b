/// A type as C or another language writes it, where a signature expects a type of its own. The parser only uses it to
/// say which type to write.
struct ForeignTypeName {
  /// The type as it was written, with single blanks: `const char *`.
  let text: String
  /// The type to write instead, as the end of a message: "write `str`, ...".
  let advice: String

  /// Reads the type that begins at an offset; nil if it is none that a hint is known for.
  /// - Parameter isResult: whether it is a return type.
  init?(at offset: Int, of bytes: [UInt8], for use: SignatureUse, isResult: Bool) {
    guard let written = WrittenType(at: offset, of: bytes) else { return nil }
    text = written.text
    guard written.stars > 0 else {
      guard let type = written.value, type.rawValue != written.text else { return nil }
      advice = "write `\(type.rawValue)`"
      return
    }
    advice = isResult ? Self.adviceForResult(written, use) : Self.adviceForParameter(written, use)
  }

  private static func adviceForResult(_ written: WrittenType, _ use: SignatureUse) -> String {
    if written.isText {
      return use == .route ? "write `str`, or `str free` if the caller frees the text" : "write `str`"
    }
    return use == .route ? "a response can have text (`str`) or a number, but no other pointer" : "write `ptr`"
  }

  private static func adviceForParameter(_ written: WrittenType, _ use: SignatureUse) -> String {
    if ["ambit_scope", "scope"].contains(written.base) { return "write `scope`" }
    if written.isText { return "write `str` for text that ends with a NUL, `bytes` for other bytes" }
    guard use == .route else { return "write `ptr`" }
    if written.stars == 2 && written.base == "char" || written.stars == 1 && written.base == "str" {
      return "write `out str` for a text that the function reports"
    }
    if written.stars == 1, written.isBytes {
      return "write `bytes` and another parameter for their length, or `buffer(N)` for room that the function fills"
    }
    if written.stars == 1, let type = written.value {
      return "write `out \(type.rawValue)` for a variable that the function sets"
    }
    return "write `ptr null`, since a request has no such pointer"
  }
}

/// The words of a type in a C declaration.
private struct WrittenType {
  private(set) var text = ""
  /// How many `*` follow.
  private(set) var stars = 0
  /// The words without qualifiers.
  private var words: [String] = []

  /// The words without qualifiers, as one text.
  var base: String { words.joined(separator: " ") }

  init?(at offset: Int, of bytes: [UInt8]) {
    var scanner = SignatureScanner(String(decoding: bytes, as: UTF8.self))
    scanner.move(to: offset)
    while true {
      var ahead = scanner
      if ahead.take("*") {
        stars += 1
        text += text.hasSuffix("*") ? "*" : " *"
      } else if let word = ahead.word(), accepts(word.text) {
        if !Self.qualifiers.contains(word.text) { words.append(word.text) }
        text += text.isEmpty ? word.text : " \(word.text)"
      } else {
        break
      }
      scanner = ahead
    }
    guard !words.isEmpty else { return nil }
  }

  /// Whether the word belongs to the type, after the words before it.
  private func accepts(_ word: String) -> Bool {
    if Self.qualifiers.contains(word) { return true }
    guard stars == 0 else { return false }
    return words.isEmpty || Self.parts.contains(word) && words.allSatisfy(Self.parts.contains)
  }

  /// `char *`, which is text by custom.
  var isText: Bool { stars == 1 && words == ["char"] }

  /// A pointer to bytes: `void *`, `unsigned char *`, `uint8_t *`, `Bytef *`.
  var isBytes: Bool { ["void", "Bytef"].contains(base) || value?.byteCount == 1 && value != .bool }

  /// The type of a value, without the pointer; nil if there is none for it.
  var value: CType? {
    if let type = CType(rawValue: base) { return type.isScalar ? type : nil }
    return words.allSatisfy(Self.parts.contains) ? ofParts : Self.others[base]
  }

  /// The type that the words `unsigned`, `long`, `int` and so on mean, in any order.
  private var ofParts: CType? {
    let isUnsigned = words.contains("unsigned")
    let isLong = words.contains("long")
    if words.contains("float") { return .f32 }
    if words.contains("double") { return isLong ? nil : .f64 }
    if words.contains("char") { return isUnsigned ? .u8 : .i8 }
    if words.contains("short") { return isUnsigned ? .u16 : .i16 }
    if isLong { return isUnsigned ? .u64 : .i64 }
    return isUnsigned ? .u32 : .i32
  }

  private static let qualifiers: Set = ["const", "volatile", "restrict", "struct", "enum", "union"]
  private static let parts: Set = ["unsigned", "signed", "long", "short", "int", "char", "float", "double"]

  /// Names of C's headers, of zlib, C++, Rust, Go and Swift.
  private static let others: [String: CType] = [
    "_Bool": .bool, "boolean": .bool, "Bool": .bool,
    "int8_t": .i8, "int16_t": .i16, "int32_t": .i32, "int64_t": .i64, "intmax_t": .i64, "intptr_t": .i64,
    "uint8_t": .u8, "uint16_t": .u16, "uint32_t": .u32, "uint64_t": .u64, "uintmax_t": .u64, "uintptr_t": .u64,
    "size_t": .size, "ssize_t": .i64, "ptrdiff_t": .i64, "off_t": .i64, "time_t": .i64, "clock_t": .i64,
    "pid_t": .i32, "mode_t": .u32, "uid_t": .u32, "gid_t": .u32, "socklen_t": .u32,
    "Byte": .u8, "Bytef": .u8, "uInt": .u32, "uLong": .u64, "uint": .u32, "ushort": .u16, "ulong": .u64,
    "int8": .i8, "int16": .i16, "int32": .i32, "int64": .i64, "uint8": .u8, "uint16": .u16, "uint32": .u32,
    "uint64": .u64, "byte": .u8, "rune": .i32, "float32": .f32, "float64": .f64, "isize": .i64, "usize": .size,
    "Int8": .i8, "Int16": .i16, "Int32": .i32, "Int64": .i64, "Int": .i64, "UInt8": .u8, "UInt16": .u16,
    "UInt32": .u32, "UInt64": .u64, "UInt": .u64, "Float": .f32, "Double": .f64,
    "string": .str, "String": .str,
  ]
}
