import AmbitCore
import TestSupport

/// A C function of a random type, as text, with values for one call of it.
struct RandomSignature {
  let result: CType
  let parameters: [CType]
  /// The bits of each argument, the rest of the eight bytes zero, and those of the result behind them.
  let values: [UInt64]

  static let types = CType.allCases.filter { $0 != .void }

  init(parameterCount: Int, using generator: inout SeededGenerator) {
    result = CType.allCases.randomElement(using: &generator)!
    parameters = (0..<parameterCount).map { _ in Self.types.randomElement(using: &generator)! }
    values = (parameters + [result]).map { type in
      // Numbers near the limits are as likely as others.
      let bits: UInt64 = [0, .max, 1 << 63, generator.next(), generator.next()].randomElement(using: &generator)!
      return type == .bool ? bits & 1 : bits & type.mask
    }
  }

  /// Three functions: `record_N` keeps the bits of its arguments in `recorded` and returns `next_result`; `drive_N`
  /// calls it from C with arguments of these bits, and `call_N` any function of the same type.
  func source(_ number: Int) -> String {
    let types = parameters.map(\.spelling)
    let list = types.isEmpty ? "void" : types.enumerated().map { "\($1) a\($0)" }.joined(separator: ", ")
    let names = types.indices.map { "a\($0)" }.joined(separator: ", ")
    let record = types.indices.map { "  memcpy(&recorded[\($0)], &a\($0), sizeof a\($0));\n" }.joined()
    let load = types.enumerated().map { "  \($1) a\($0); memcpy(&a\($0), &values[\($0)], sizeof a\($0));\n" }.joined()
    let isVoid = result == .void
    let give =
      isVoid ? "" : "  \(result.spelling) result; memcpy(&result, &next_result, sizeof result); return result;\n"
    let keep = "  *out = 0;\n" + (isVoid ? "" : "  memcpy(out, &result, sizeof result);\n")
    let assign = isVoid ? "" : "\(result.spelling) result = "
    return """
      \(result.spelling) record_\(number)(\(list)) {
        recorded_count = \(types.count);
        errno = \(number % 100);
      \(record)\(give)}
      void call_\(number)(\(result.spelling) (*function)(\(list)), const uint64_t *values, uint64_t *out) {
      \(load)  \(assign)function(\(names));
      \(keep)}
      void drive_\(number)(const uint64_t *values, uint64_t *out) { call_\(number)(record_\(number), values, out); }

      """
  }

  static let prologue = """
    #include <errno.h>
    #include <stdbool.h>
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>
    uint64_t recorded[64], next_result;
    unsigned recorded_count;

    """
}

extension CType {
  /// The bits that a value has.
  var mask: UInt64 { byteCount == 8 ? .max : (1 << (8 * byteCount)) - 1 }

  fileprivate var spelling: String {
    switch self {
    case .void: "void"
    case .bool: "bool"
    case .i8: "int8_t"
    case .i16: "int16_t"
    case .i32: "int32_t"
    case .i64: "int64_t"
    case .u8: "uint8_t"
    case .u16: "uint16_t"
    case .u32: "uint32_t"
    case .u64: "uint64_t"
    case .f32: "float"
    case .f64: "double"
    case .size: "size_t"
    case .str: "const char *"
    case .bytes, .ptr, .scope: "void *"
    }
  }
}
