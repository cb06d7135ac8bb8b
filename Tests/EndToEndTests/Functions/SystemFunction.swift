import TestSupport

/// A function of the system with calls of it, for the host and for C.
struct SystemFunction {
  /// As `host.conf` has it; the names of arguments are a, b, c.
  let call: String
  /// The call in C with $a, $b, $c for the arguments, and its other results in the order of the signature.
  let inC: [String]
  /// The arguments of each call.
  let arguments: [[Argument]]

  enum Argument {
    case number(String)
    case text(String)

    /// As it stands in a query.
    var text: String {
      switch self {
      case .number(let text), .text(let text): text
      }
    }

    var inC: String {
      switch self {
      case .number(let number): cConstant(number)
      case .text(let text): "\"\(text.unicodeScalars.map { $0 == "\"" ? "\\\"" : String($0) }.joined())\""
      }
    }
  }

  /// The expressions of one call.
  func expressions(_ arguments: [Argument]) -> [String] {
    inC.map { template in
      zip(["$a", "$b", "$c"], arguments).reduce(template) { $0.replacing($1.0, with: $1.1.inC) }
    }
  }

  /// The query of one call.
  func query(_ arguments: [Argument]) -> String {
    zip(["a", "b", "c"], arguments).map { "\($0)=\(escaped($1.text))" }.joined(separator: "&")
  }

  private func escaped(_ text: String) -> String {
    text.utf8.map { byte in
      byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        ? String(Unicode.Scalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }
}

extension SystemFunction {
  static let all = computing + pairs + short + integers + texts + checksums + reporting

  private static let doubles = [
    "0", "-0", "1", "-1", "0.1", "1e308", "-1.7976931348623157e+308", "5e-324", "2.2250738585072014e-308", "710", "inf",
    "-inf", "nan", "3.141592653589793", "123456789.12345679",
  ]
  private static let floats = ["0", "-0", "0.1", "3.4028235e+38", "1e-45", "16777217", "inf", "-inf", "nan", "-2.5"]

  /// f64 to f64.
  private static let computing = ["cos", "sin", "exp", "log", "sqrt", "fabs", "cbrt", "tgamma", "floor"].map { name in
    SystemFunction(
      call: "libm.so.6: f64 \(name)(f64 a)", inC: ["\(name)((double)$a)"], arguments: doubles.map { [.number($0)] })
  }

  /// Several f64 to f64.
  private static let pairs =
    ["pow", "fmod", "atan2", "hypot", "nextafter", "copysign"].map { name in
      SystemFunction(
        call: "libm.so.6: f64 \(name)(f64 a, f64 b)", inC: ["\(name)((double)$a, (double)$b)"],
        arguments: zip(doubles, doubles.dropFirst(3) + doubles).map { [.number($0), .number($1)] })
    } + [
      SystemFunction(
        call: "libm.so.6: f64 fma(f64 a, f64 b, f64 c)", inC: ["fma($a, $b, $c)"],
        arguments: [["0.1", "10", "-1"], ["1e308", "10", "-inf"], ["5e-324", "0.5", "0"]].map {
          $0.map(Argument.number)
        }),
      SystemFunction(
        call: "libm.so.6: f64 ldexp(f64 a, i32 b)", inC: ["ldexp($a, $b)"],
        arguments: ["-2147483648", "2147483647", "0", "-1074", "1023"].map { [.number("1"), .number($0)] }),
      SystemFunction(
        call: "libm.so.6: f64 scalbln(f64 a, i64 b)", inC: ["scalbln($a, $b)"],
        arguments: ["-9223372036854775808", "9223372036854775807", "7"].map { [.number("1.5"), .number($0)] }),
    ]

  /// f32.
  private static let short =
    ["cosf", "sqrtf", "fabsf"].map { name in
      SystemFunction(
        call: "libm.so.6: f32 \(name)(f32 a)", inC: ["\(name)((float)$a)"], arguments: floats.map { [.number($0)] })
    } + [
      SystemFunction(
        call: "libm.so.6: f32 nextafterf(f32 a, f32 b)", inC: ["nextafterf((float)$a, (float)$b)"],
        arguments: zip(floats, floats.reversed()).map { [.number($0), .number($1)] })
    ]

  private static let integers = [
    SystemFunction(
      call: "libc.so.6: i32 ffs(i32 a)", inC: ["ffs($a)"],
      arguments: ["-2147483648", "2147483647", "0", "8", "-1"].map { [.number($0)] }),
    SystemFunction(
      call: "libc.so.6: i32 ffsll(i64 a)", inC: ["ffsll($a)"],
      arguments: ["-9223372036854775808", "9223372036854775807", "0"].map { [.number($0)] }),
    SystemFunction(
      call: "libc.so.6: i64 llabs(i64 a)", inC: ["llabs($a)"],
      arguments: ["9223372036854775807", "-9223372036854775807", "0"].map { [.number($0)] }),
    SystemFunction(
      call: "libc.so.6: u16 htons(u16 a)", inC: ["htons($a)"], arguments: ["0", "65535", "1"].map { [.number($0)] }),
    SystemFunction(
      call: "libc.so.6: u32 htonl(u32 a)", inC: ["htonl($a)"],
      arguments: ["0", "4294967295", "1"].map { [.number($0)] }),
    SystemFunction(
      call: "libm.so.6: i32 ilogb(f64 a)", inC: ["ilogb($a)"], arguments: doubles.map { [.number($0)] }),
    SystemFunction(
      call: "libm.so.6: i64 llround(f64 a)", inC: ["llround($a)"],
      arguments: ["0.5", "-0.5", "9007199254740993", "-9.2e18"].map { [.number($0)] }),
    SystemFunction(
      call: "libz.so.1: u64 compressBound(u64 a)", inC: ["compressBound($a)"],
      arguments: ["0", "4294967296", "1000000000000"].map { [.number($0)] }),
  ]

  private static let texts = [
    SystemFunction(
      call: "libc.so.6: size strlen(str a)", inC: ["strlen($a)"],
      arguments: ["", "abc", "é\u{1f600}", "a b&c=d+e%20"].map { [.text($0)] }),
    SystemFunction(
      call: "libc.so.6: size strnlen(str a, size b)", inC: ["strnlen($a, $b)"],
      arguments: ["0", "2", "18446744073709551615"].map { [.text("abc"), .number($0)] }),
    SystemFunction(
      call: "libc.so.6: u64 strtoull(str a, ptr null, i32 10)", inC: ["strtoull($a, NULL, 10)"],
      arguments: ["18446744073709551615", "18446744073709551616", "-1", "x"].map { [.text($0)] }),
    SystemFunction(
      call: "libc.so.6: i64 strtoll(str a, ptr null, i32 b)", inC: ["strtoll($a, NULL, $b)"],
      arguments: [[.text("-8000000000000000"), .number("16")], [.text("z"), .number("36")]]),
    SystemFunction(
      call: "libc.so.6: str strstr(str a, str b)", inC: ["strstr($a, $b)"],
      arguments: [[.text("one two"), .text("two")], [.text("one"), .text("two")], [.text("é"), .text("")]]),
    SystemFunction(
      call: "libc.so.6: str strerror(i32 a)", inC: ["strerror($a)"],
      arguments: (-1...140).map { [.number("\($0)")] }),
    SystemFunction(call: "libz.so.1: str zlibVersion()", inC: ["zlibVersion()"], arguments: [[]]),
  ]

  private static let checksums = [
    SystemFunction(
      call: "libz.so.1: u64 crc32(u64 0, bytes a, u32 len(a))", inC: ["crc32(0, $a, strlen($a))"],
      arguments: ["", "123456789", "\u{e9}"].map { [.text($0)] }),
    SystemFunction(
      call: "libz.so.1: u64 adler32(u64 1, bytes a, u32 len(a))", inC: ["adler32(1, $a, strlen($a))"],
      arguments: ["", "123456789"].map { [.text($0)] }),
    SystemFunction(
      call: "libz.so.1: u64 crc32_combine(u64 a, u64 b, i64 c)", inC: ["crc32_combine($a, $b, $c)"],
      arguments: [[.number("3421780262"), .number("4294967295"), .number("9")]]),
  ]

  /// Results through pointers.
  private static let reporting = [
    SystemFunction(
      call: "libm.so.6: f64 frexp(f64 a, out i32 exponent)", inC: ["frexp($a, &i)", "i"],
      arguments: ["0", "10", "-1.7976931348623157e+308", "5e-324"].map { [.number($0)] }),
    SystemFunction(
      call: "libm.so.6: f64 modf(f64 a, out f64 whole)", inC: ["modf($a, &d)", "d"],
      arguments: ["2.5", "-2.5", "inf", "nan", "1e300"].map { [.number($0)] }),
    SystemFunction(
      call: "libm.so.6: f32 modff(f32 a, out f32 whole)", inC: ["modff($a, &f)", "f"],
      arguments: ["2.5", "-inf", "3.4028235e+38"].map { [.number($0)] }),
    SystemFunction(
      call: "libm.so.6: f64 remquo(f64 a, f64 b, out i32 bits)", inC: ["remquo($a, $b, &i)", "i"],
      arguments: [[.number("29"), .number("3")], [.number("-10.5"), .number("4")]]),
    SystemFunction(
      call: "libm.so.6: f64 lgamma_r(f64 a, out i32 sign)", inC: ["lgamma_r($a, &i)", "i"],
      arguments: ["0.5", "-0.5", "171"].map { [.number($0)] }),
    SystemFunction(
      call: "libc.so.6: f64 strtod(str a, out str rest)", inC: ["strtod($a, &s)", "s"],
      arguments: ["1e3 rest", "none", "0x1p-2", ""].map { [.text($0)] }),
    SystemFunction(
      call: "libc.so.6: i32 errno gethostname(buffer(64) name, size len(name))",
      inC: ["gethostname(b, sizeof b)", "(char *)b"], arguments: [[]]),
    SystemFunction(
      call: "libc.so.6: i64 errno readlink(str a, buffer(64) target, size len(target))",
      inC: ["readlink($a, (memset(b, 0, sizeof b), b), sizeof b)", "(char *)b"], arguments: [[.text("/proc/mounts")]]),
  ]
}
