import Foundation
import Glibc
import TestSupport
import Testing

/// A host that was started in a terminal.
@Suite struct `A host in a terminal` {
  @Test func `A host goes on when its terminal is closed, reloads for the hangup, and stops on SIGTERM`() async throws {
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try await PluginFile.sample("hello").install(in: folder)
      try directory.write("listen = ['unix:\(directory.filePath)/http.sock']\nthreads = 1\n", as: "host.conf")
      // script(1) gives the host a terminal of its own, which goes with script.
      let script = "echo $$ > pid; exec \(Places.ambit.filePath) serve"
      await otherTestsHaveRun()
      let terminal = try RunningCommand(
        "script", ["-qec", script, "/dev/null"], in: directory, environment: folderVariables(directory),
        output: open("/dev/null", O_WRONLY | O_CLOEXEC), errors: open("/dev/null", O_WRONLY | O_CLOEXEC))
      let socket = directory.appending(path: "http.sock").filePath
      try await eventually(within: .seconds(30), until: { $0 }) { FileManager.default.fileExists(atPath: socket) }
      try await eventually(within: .seconds(30), until: { $0 == "Hello, World!\n" }) {
        try await curl("--unix-socket", socket, "http://ambit/hello/World").text
      }
      let text = try String(contentsOf: directory.appending(path: "pid"), encoding: .utf8)
      let pid = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
      defer { kill(pid, SIGKILL) }

      terminal.signal(SIGKILL)
      _ = await terminal.status
      // The hangup of the terminal is a SIGHUP: the host reloads, and has a log that nobody reads.
      try await eventually(within: .seconds(30), until: { $0 == 1 }) {
        let status = try await ambit("status", "--json", in: directory)
        return try JSONObject(status.output).objects("reloads").count
      }
      #expect(try await curl("--unix-socket", socket, "http://ambit/hello/World").text == "Hello, World!\n")
      // A thread that tries again and again to write the log would not sleep.
      try await eventually(within: .seconds(30), until: { $0 == ["S"] }) { try states(of: pid) }
      kill(pid, SIGTERM)
      try await eventually(within: .seconds(30), until: { $0 }) { try states(of: pid).isSubset(of: ["Z"]) }
    }
  }

  /// The states of the threads of a process, as proc_pid_stat(5) has them; none if it is gone.
  private func states(of pid: pid_t) throws -> Set<String> {
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    let lines = threads.compactMap { try? String(contentsOfFile: "/proc/\(pid)/task/\($0)/stat", encoding: .utf8) }
    return Set(lines.compactMap { $0.split(separator: ")").last?.split(separator: " ").first.map(String.init) })
  }
}
