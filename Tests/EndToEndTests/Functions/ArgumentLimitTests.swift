import TestSupport
import Testing

/// Every type at its limits, from each place that an argument may come from, and back.
@Suite struct `Arguments at their limits` {
  private static let types: [(name: String, c: String, inside: [String], outside: [String])] = [
    ("i8", "int8_t", ["-128", "127", "0"], ["-129", "128"]),
    ("i16", "int16_t", ["-32768", "32767"], ["-32769", "32768"]),
    ("i32", "int32_t", ["-2147483648", "2147483647"], ["-2147483649", "2147483648"]),
    (
      "i64", "int64_t", ["-9223372036854775808", "9223372036854775807"],
      ["-9223372036854775809", "9223372036854775808", "1e3", "1.0"]
    ),
    ("u8", "uint8_t", ["0", "255"], ["-1", "256", "-0"]), ("u16", "uint16_t", ["0", "65535"], ["-1", "65536"]),
    ("u32", "uint32_t", ["0", "4294967295"], ["-1", "4294967296"]),
    ("u64", "uint64_t", ["0", "18446744073709551615"], ["-1", "18446744073709551616"]),
    ("size", "size_t", ["0", "18446744073709551615"], ["-1", "18446744073709551616"]),
    ("f32", "float", ["3.4028235e+38", "-3.4028235e+38", "1e-45", "0.1", "-0.0"], ["3.4028236e38", "-1e39"]),
    (
      "f64", "double", ["1.7976931348623157e+308", "-1.7976931348623157e+308", "5e-324", "0.1", "-0.0"],
      ["1.7976931348623159e308", "-1e309"]
    ),
    ("bool", "bool", ["true", "false"], ["2", "-1"]),
  ]

  /// A library that returns its argument as its result and through a pointer.
  private static let library = PluginFile.source(
    "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n"
      + types.map { type in
        """
        \(type.c) same_\(type.name)(\(type.c) value) { return value; }
        void copy_\(type.name)(\(type.c) value, \(type.c) *copy) { *copy = value; }

        """
      }.joined(), name: "same")

  /// `/same/TYPE/{value}`, `/same/TYPE` and `/copy/TYPE`.
  private static let routes = types.map { type in
    let same = "./same.so: \(type.name) same_\(type.name)(\(type.name) value)"
    let copy = "./same.so: void copy_\(type.name)(\(type.name) value, out \(type.name) copy)"
    return [("GET /same/\(type.name)/{value}", same), ("* /same/\(type.name)", same), ("* /copy/\(type.name)", copy)]
      .map { "[[route]]\nmatch = '\($0)'\ncall = '\($1)'\nblocking = false\nserial = false\n" }.joined()
  }.joined()

  @Test func `Arguments at their limits reach the function unchanged, and arguments beyond them do not`() async throws {
    try await withTypes { host in
      let connection = try host.connect()
      defer { connection.close() }
      for type in Self.types {
        for value in type.inside {
          for request in requests("same", type.name, value) {
            try await connection.send(request)
            let response = try await connection.response()
            #expect(response.status == 200 && response.text == value, "\(type.name): \(request): \(response.text)")
          }
          for request in requests("copy", type.name, value).dropFirst() {
            try await connection.send(request)
            let text = try await connection.response().text
            #expect(text == #"{"result":null,"copy":\#(value)}"#, "\(type.name): \(request): \(text)")
          }
        }
        for value in type.outside + ["", "x", "\(type.inside[0])x", "0x1", "+1"] {
          for request in requests("same", type.name, value) {
            try await connection.send(request)
            let response = try await connection.response()
            #expect(response.status == 400 || response.status == 404, "\(type.name): \(request): \(response.text)")
          }
        }
      }
    }
  }

  @Test(arguments: ["nan", "inf", "-inf"])
  func `Floating-point arguments may be infinite or no number, and are null in JSON`(value: String) async throws {
    try await withTypes { host in
      for type in ["f32", "f64"] {
        let same = try await host.get("/same/\(type)/\(value)")
        #expect(same.text == value)
        let copy = try await host.get("/copy/\(type)?value=\(value)")
        #expect(copy.text == #"{"result":null,"copy":null}"#)
      }
      let integer = try await host.get("/same/i32/\(value)")
      #expect(integer.status == 400)
    }
  }

  /// The same value by path, by query, as a field of a form, and as string and number of JSON.
  private func requests(_ function: String, _ type: String, _ value: String) -> [String] {
    let escaped = value.replacing("+", with: "%2B")
    let forms = [
      ("application/x-www-form-urlencoded", "other=1&value=\(escaped)"),
      ("application/json", #"{"other":[{"value":7}],"value":"\#(value)"}"#),
      ("application/json", #"{"value":\#(value)}"#),
    ]
    return ["/\(function)/\(type)/\(escaped)", "/\(function)/\(type)?value=\(escaped)&value=7"].map { target in
      "GET \(target) HTTP/1.1\r\nHost: ambit\r\n\r\n"
    }
      + forms.map { form, body in
        "POST /\(function)/\(type) HTTP/1.1\r\nHost: ambit\r\nContent-Type: \(form)\r\n"
          + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
      }
  }

  private func withTypes(_ body: @escaping @Sendable (Host) async throws -> Void) async throws {
    try await withHost([]) { host in
      try await Self.library.install(in: host.directory)
      try host.configure(Self.routes)
      #expect(try await host.reload().field("failed") == "0")
      try await body(host)
    }
  }
}
