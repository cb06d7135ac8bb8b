/// A C program with a host of its own: each call of the header is made once, with bytes in every argument that no other
/// argument has, and a fake entry of the table checks what arrives. It prints the name of each call that was right.
struct FakeHostProgram {
  let entries: [HeaderText.Entry]

  var text: String {
    ([Self.preamble] + entries.map(fake) + ["int main(void) {"]
      + entries.map { "  table.\($0.name) = fake_\($0.name);" }
      + entries.map(call) + ["  return 0;", "}", ""]).joined(separator: "\n")
  }

  /// `fill` gives an argument its bytes, `is` compares them; a `bool` must stay one.
  private static let preamble = """
    #include "ambit.h"
    #include <string.h>

    static ambit_api table;
    static ambit_scope the_scope = {&table};
    static ambit_event the_event = {&table};
    static ambit_channel the_channel = {&table};
    static bool arrived;

    static void fill(void *value, size_t size, int mark) { memset(value, size == sizeof(bool) ? 1 : mark, size); }

    static bool is(const void *value, size_t size, int mark) {
      unsigned char expected[64];
      fill(expected, size, mark);
      return memcmp(value, expected, size) == 0;
    }

    """

  /// The entry of the fake host. It notes whether each argument arrived in its place.
  private func fake(_ entry: HeaderText.Entry) -> String {
    let checks = [Handle(entry.parameters[0]).isExpected] + marked(entry).map { "is(&\($0), sizeof \($0), \($1))" }
    let result = "\(entry.result) result;\n  fill(&result, sizeof result, 99);\n  return result;"
    return """
      static \(entry.result) fake_\(entry.name)(\(entry.parameters.map(\.declaration).joined(separator: ", "))) {
        arrived = \(checks.joined(separator: " && "));
        \(entry.result == "void" ? "" : result)
      }

      """
  }

  /// The block of `main` that makes the call with marked arguments.
  private func call(_ entry: HeaderText.Entry) -> String {
    let variables = entry.parameters.map { "    \($0.declaration);" }
    let marks = marked(entry).map { "    fill(&\($0), sizeof \($0), \($1));" }
    let call = "ambit_\(entry.name)(\(entry.parameters.map(\.name).joined(separator: ", ")))"
    let returned = entry.result == "void" ? "true" : "is(&result, sizeof result, 99)"
    return """
        {
      \((variables + marks).joined(separator: "\n"))
          \(Handle(entry.parameters[0]).assignment)
          arrived = false;
          \(entry.result == "void" ? "" : "\(entry.result) result = ")\(call);
          if (arrived && \(returned)) printf("%s\\n", "\(entry.name)");
        }
      """
  }

  /// The parameters behind the handle, each with the mark that fills its bytes.
  private func marked(_ entry: HeaderText.Entry) -> [(name: String, mark: Int)] {
    entry.parameters.dropFirst().enumerated().map { ($1.name, $0 + 1) }
  }
}

/// The first parameter of a call, through which the table is found: it cannot be filled with a mark.
private struct Handle {
  /// C that gives the handle its value, and C that is true if it still has that value.
  let assignment: String
  let isExpected: String

  init(_ parameter: HeaderText.Parameter) {
    let name = parameter.name
    switch parameter.declaration.prefix(while: { $0 != " " }) {
    case "ambit_ref":
      assignment = "\(name).api = &table;\n    \(name).id = 7;"
      isExpected = "\(name).api == &table && \(name).id == 7"
    case "ambit_event":
      assignment = "\(name) = &the_event;"
      isExpected = "\(name) == &the_event"
    case "ambit_channel":
      assignment = "\(name) = &the_channel;"
      isExpected = "\(name) == &the_channel"
    default:
      assignment = "\(name) = &the_scope;"
      isExpected = "\(name) == &the_scope"
    }
  }
}
