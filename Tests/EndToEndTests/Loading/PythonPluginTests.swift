import Foundation
import TestSupport
import Testing

/// A plugin that embeds CPython. The tests are skipped where the headers of the system's Python are missing; `.ci/run`
/// installs them.
@Suite(
  .enabled(if: EmbeddedPython.version != nil, "libpython3-dev is not installed"), .disabled(if: Places.isSanitized))
struct `A plugin that embeds Python` {
  @Test func `A plugin that embeds Python imports modules in C, before and after a reload`() async throws {
    let python = EmbeddedPython(flags: "AMBIT_PLUGIN_THREADS")
    try await withHost([python.plugin("1")], environment: EmbeddedPython.environment) { host in
      #expect(try await host.get("/sum").text == #"{"version": 1, "sum": "0.3"}"#)
      try await python.plugin("2").install(in: host.plugins)
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/sum").text == #"{"version": 2, "sum": "0.3"}"#)
      #expect(host.log.lines { $0.contains("AMBIT_PLUGIN_THREADS") }.isEmpty)
    }
  }

  @Test func `A plugin that embeds Python and has handlers that are not on threads is served with a warning`()
    async throws
  {
    let python = EmbeddedPython(flags: "0")
    try await withHost([python.plugin("1")], environment: EmbeddedPython.environment) { host in
      let line = try await host.log.line { $0.contains("WARNING") && $0.contains("python.so") }
      #expect(line.contains("it is linked with Python (libpython3."), "\(line)")
      #expect(line.contains("does not declare AMBIT_PLUGIN_THREADS"), "\(line)")
      let check = try await run(
        Places.ambit.filePath, ["check"], in: host.directory, environment: EmbeddedPython.environment)
      #expect(check.status == .exited(0) && (check.text + check.errors).contains("it is linked with Python"))
      let blocking = EmbeddedPython(flags: "0", routeFlags: "AMBIT_ROUTE_BLOCKING")
      try await blocking.plugin("2").install(in: host.plugins)
      let position = host.log.position
      #expect(try await host.reload().field("changed") == "1")
      #expect(try await host.get("/sum").text == #"{"version": 2, "sum": "0.3"}"#)
      #expect(host.log.all.dropFirst(position).allSatisfy { !$0.contains("AMBIT_PLUGIN_THREADS") })
    }
  }
}

/// The source of a plugin that imports modules in C in its `start`, and computes with them in its handler.
private struct EmbeddedPython {
  /// The flags of its entry.
  let flags: String
  /// The flags of its route.
  var routeFlags = "0"

  /// The version with headers, such as `python3.11`.
  static let version: String? = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/include")) ?? []
    return names.sorted().last {
      $0.hasPrefix("python3.") && FileManager.default.fileExists(atPath: "/usr/include/\($0)/Python.h")
    }
  }()

  /// For the system's Python, whatever other ones the environment prefers.
  static let environment = ["PYTHONHOME": "/usr"]

  func plugin(_ version: String) -> PluginFile {
    let python = Self.version!
    let text = """
      #include <Python.h>
      #include <ambit.h>
      static int32_t start(ambit_scope *plugin) {
        int is_first = !Py_IsInitialized();
        if (is_first) Py_InitializeEx(0);
        PyGILState_STATE state = PyGILState_Ensure();
        int result = PyRun_SimpleString("import _json, _decimal, json, decimal");
        PyGILState_Release(state);
        if (is_first) PyEval_SaveThread();
        return result == 0 ? AMBIT_OK : ambit_fail(plugin, AMBIT_FAILED, "import");
      }
      static int32_t sum(ambit_scope *scope) {
        PyGILState_STATE state = PyGILState_Ensure();
        PyObject *globals = PyModule_GetDict(PyImport_AddModule("__main__"));
        PyObject *text = PyRun_String(
            "json.dumps({'version': \(version), 'sum': str(decimal.Decimal('0.1') + decimal.Decimal('0.2'))})",
            Py_eval_input, globals, globals);
        int32_t status = text == NULL ? AMBIT_FAILED : ambit_respondf(scope, 200, "text/plain", "%s", PyUnicode_AsUTF8(text));
        Py_XDECREF(text);
        PyGILState_Release(state);
        return status;
      }
      static const ambit_route routes[] = {{.pattern = "GET /sum", .handler = sum, .flags = \(routeFlags)}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "python", .routes = routes,
        .route_count = 1, .start = start, .flags = \(flags)};
      """
    return .source(text, name: "python", flags: ["-I/usr/include/\(python)", "-Wl,--no-as-needed", "-l\(python)"])
  }
}
