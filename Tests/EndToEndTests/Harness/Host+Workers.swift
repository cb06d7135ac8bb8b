import Foundation
import Glibc
import TestSupport
import Testing

/// The workers of a host that has processes for them.
extension Host {
  /// The processes of the workers, by their place from 1, as the status shows them.
  func workers() async throws -> [Int: pid_t] {
    let status = try await adminJSON("/status").objects("workers")
    let pairs = status.compactMap { worker in
      worker.number("worker").flatMap { index in worker.number("pid").map { (index, pid_t($0)) } }
    }
    // Those that finish their requests come last.
    return Dictionary(pairs) { serving, _ in serving }
  }

  /// Asks for `target` until each worker from 1 to `count` has answered, and returns their answers. The answers begin
  /// with the number of the worker and a space.
  func answers(_ target: String, ofWorkers count: Int) async throws -> [Int: String] {
    var answers: [Int: String] = [:]
    try await eventually(until: { $0 == count }) {
      let text = try await get(target).text
      if let end = text.firstIndex(of: " "), let index = Int(text[..<end]) {
        answers[index] = String(text[text.index(after: end)...])
      }
      return answers.count
    }
    return answers
  }
}

extension PluginFile {
  /// A plugin that answers `GET /place` with the number of the worker and `VERSION`, "2 one\n".
  /// - Parameters:
  ///   - start: C statements at the beginning of its `start`, which has `plugin`, `worker` and `is_dry_run`.
  static func placed(_ version: String, name: String = "placed", start: String = "") -> PluginFile {
    .source(
      """
      #include <ambit.h>
      #include <fcntl.h>
      #include <stdio.h>
      #include <string.h>
      #include <unistd.h>
      static int32_t place(ambit_scope *scope) {
        const ambit_worker *worker = ambit_extension(scope, "ambit.worker/1");
        return ambit_respondf(scope, 200, "text/plain", "%u \(version)\\n", worker->index);
      }
      static int32_t start(ambit_scope *plugin) {
        const ambit_worker *worker = ambit_extension(plugin, "ambit.worker/1");
        int is_dry_run = ambit_extension(plugin, "ambit.dry_run/1") != NULL;
        (void)worker, (void)is_dry_run;
        \(start)
        return AMBIT_OK;
      }
      static const ambit_route routes[] = {{.pattern = "GET /place", .handler = place}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {
        AMBIT_PLUGIN_HEADER, .name = "\(name)", .version = "\(version)", .start = start, .routes = routes,
        .route_count = 1};
      """, name: name)
  }
}
