import Foundation
import Glibc
import TestSupport
import Testing

/// A dry run whose process ends by a limit, a sanitizer or its own doing: the error says which, without the log.
@Suite(.disabled(if: Places.isSanitized)) struct `The end of a dry run` {
  @Test(arguments: ["-fsanitize=address", "-fsanitize=undefined -fno-sanitize-recover=all"])
  func `A sanitizer's reason stands in the error, whatever the log shows`(flags: String) async throws {
    let start = "volatile int big = 0x7fffffff; big = big + 1;"
    let plugin = PluginFile.source(
      Mishap("", start: start, "").text(named: "my"), name: "my", flags: flags.split(separator: " ").map(String.init))
    let errors = try await check(plugin, says: " was ended by a sanitizer: ")
    let reasons = /ASan runtime does not come first|runtime error: signed integer overflow|AddressSanitizer/
    #expect(errors.contains(reasons) && !errors.contains("called exit"), "\(errors)")
  }

  @Test(arguments: [
    Mishap(
      "is killed", start: "kill(getpid(), SIGKILL);",
      "dry run: start was killed (SIGKILL), by the kernel because memory ran out"),
    Mishap(
      "says why it exits", start: "fprintf(stderr, \"no moon\\n\"); exit(1);",
      "dry run: start called exit(1); its last line was no moon"),
    Mishap(
      "closes all descriptors in a constructor", constructor: "closefrom(3);",
      "dry run: a constructor closed descriptors of the host: close only what it has opened"),
    Mishap(
      "closes all descriptors and streams in a constructor", constructor: "closefrom(0);",
      "dry run: a constructor closed descriptors of the host"),
    Mishap("closes all descriptors in start", start: "closefrom(3);", "dry run: start closed descriptors of the host"),
    Mishap(
      "closes all descriptors in stop", stop: "closefrom(3);",
      "dry run: stop, or what start began, closed descriptors of the host"),
    Mishap(
      "takes too long", start: "for (;;) pause();",
      "dry run: did not finish within 5s (in start); raise dry_run_timeout if it needs longer"),
  ])
  func `An error names how the process has ended`(mishap: Mishap) async throws {
    try await check(mishap.plugin, says: mishap.errorLine)
  }

  @Test func `An error names the limit on processor time`() async throws {
    let spins = Mishap("", start: "for (;;) {}", "").plugin
    let text = "dry run: start used up the processor time that its process may have: it is limited to that"
    try await check(spins, says: text, under: "ulimit -S -t 1")
    try await check(spins, says: text, under: "ulimit -t 1")
  }

  @Test func `An error names the limit on the address space`() async throws {
    let start = "char *bytes = malloc(4ul << 30); if (bytes == NULL) abort(); free(bytes);"
    let text =
      "dry run: start called abort (SIGABRT), perhaps because its address space is limited to 3906 MiB (ulimit -v, "
      + "or worker_limits.memory)"
    try await check(Mishap("", start: start, "").plugin, says: text, under: "ulimit -v 4000000")
  }

  /// Expects that `ambit check`, started behind the shell's command `limit`, refuses the plugin with `text`.
  /// - Returns: what it writes to standard error.
  @discardableResult
  private func check(_ plugin: PluginFile, says text: String, under limit: String = ":") async throws -> String {
    try await withTemporaryFolder { directory in
      let folder = directory.appending(path: "Plugins")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try await plugin.install(in: folder)
      let seconds = text.contains("within 5s") ? 5 : 30
      try directory.write("dry_run_timeout = \"\(seconds)s\"\n[log]\nlevel = \"error\"\n", as: "host.conf")
      let script = "\(limit) && exec \"$0\" check"
      let result = try await run("sh", ["-c", script, Places.ambit.filePath], in: directory)
      #expect(result.status == .exited(1))
      #expect(result.errors.contains(text), "\(result.errors)")
      return result.errors
    }
  }
}
