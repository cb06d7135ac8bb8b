import Foundation
import TestSupport

/// One value that a C program has printed.
enum CValue {
  case f32(Float)
  case f64(Double)
  /// Of any integer type, and `bool`.
  case integer(String)
  /// nil for the null pointer.
  case text(String?)

  /// Whether a host's text or JSON says the same, to the last bit; every NaN is the same, and JSON has null for it and
  /// for infinities.
  func isSame(as answer: String, inJSON: Bool) -> Bool {
    switch self {
    case .f32(let number):
      if inJSON, !number.isFinite { return answer == "null" }
      return number.isNaN ? answer == "nan" : Float(answer)?.bitPattern == number.bitPattern
    case .f64(let number):
      if inJSON, !number.isFinite { return answer == "null" }
      return number.isNaN ? answer == "nan" : Double(answer)?.bitPattern == number.bitPattern
    case .integer(let digits): return answer == digits
    case .text(nil): return answer == (inJSON ? "null" : "")
    case .text(let text?): return answer == (inJSON ? "\"\(text)\"" : text)
    }
  }
}

/// The values of C expressions, as a program says that the system's compiler has made of them. Each is evaluated at run
/// time by the library's function, in the order given.
func evaluateInC(_ expressions: [String]) async throws -> [CValue] {
  try await withTemporaryFolder { directory in
    try directory.write(cProgram(expressions), as: "program.c")
    let program = directory.appending(path: "program").filePath
    let source = directory.appending(path: "program.c").filePath
    // Without builtins the compiler computes nothing itself.
    let flags = ["-std=gnu11", "-fno-builtin", "-O0", "-w", "-o", program, source, "-l:libm.so.6", "-l:libz.so.1"]
    try await Compiler.c.compile(flags)
    let result = try await run(program, [])
    guard result.status == .exited(0) else { throw HarnessError.commandFailed("\(result.status)") }
    return result.text.split(separator: "\u{1}").map(cValue)
  }
}

/// Each value with a letter for its type before it and a byte 1 behind it.
private func cProgram(_ expressions: [String]) -> String {
  """
  #include <arpa/inet.h>
  #include <errno.h>
  #include <math.h>
  #include <stdint.h>
  #include <stdio.h>
  #include <stdlib.h>
  #include <string.h>
  #include <unistd.h>
  unsigned long crc32(unsigned long, const void *, unsigned), adler32(unsigned long, const void *, unsigned);
  unsigned long crc32_combine(unsigned long, unsigned long, long), compressBound(unsigned long);
  const char *zlibVersion(void);
  static void f32(float x) { printf("g%.9g\\1", x); }
  static void f64(double x) { printf("f%.17g\\1", x); }
  static void i64(long long x) { printf("i%lld\\1", x); }
  static void u64(unsigned long long x) { printf("i%llu\\1", x); }
  static void str(const char *x) { printf(x ? "s%s\\1" : "n\\1", x); }
  #define PRINT(x) _Generic((x), float: f32, double: f64, char *: str, const char *: str, unsigned: u64, \\
    unsigned long: u64, unsigned long long: u64, unsigned short: u64, default: i64)(x)
  int main(void) {
    int i = 0; double d = 0; float f = 0; char *s = 0; char b[64] = {0};
    \(expressions.map { "PRINT(\($0));" }.joined(separator: "\n  "))
    return 0;
  }
  """
}

private func cValue(_ text: Substring) -> CValue {
  let rest = String(text.dropFirst())
  switch text.first {
  case "g": return .f32(Float(rest) ?? .nan)
  case "f": return .f64(Double(rest) ?? .nan)
  case "s": return .text(rest)
  case "n": return .text(nil)
  default: return .integer(rest)
  }
}

/// A number as requests and signatures write it, as a constant of C.
func cConstant(_ number: String) -> String {
  switch number {
  case "-0": "-0.0"
  case "nan": "NAN"
  case "inf": "INFINITY"
  case "-inf": "-INFINITY"
  case "-9223372036854775808": "(-9223372036854775807LL - 1)"
  case "-2147483648": "(-2147483647 - 1)"
  case _ where number.contains(where: { ".e".contains($0) }): number
  case _ where Int64(number) == nil: number + "ULL"
  default: number + "LL"
  }
}
