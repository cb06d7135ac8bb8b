import Foundation
import TestSupport

/// Words that make system calls of the command behind them fail with `error` ("EPERM" or "ENOSYS"): the program
/// Programs/deny.c, built for `body`. `calls` are names separated by commas; "ipv6" makes the sockets of IPv6 fail with
/// EAFNOSUPPORT, whatever the error.
func withDenied(_ calls: String, _ error: String, _ body: @Sendable ([String]) async throws -> Void) async throws {
  try await withTemporaryFolder { folder in
    let source = Places.package.appending(path: "Tests/EndToEndTests/Programs/deny.c")
    let program = folder.appending(path: "deny").filePath
    try await Compiler.c.compile(["-Wall", "-Werror", "-o", program, source.filePath])
    try await body([program, error, calls])
  }
}

/// Whether this machine allows filters of system calls.
func filtersAreAllowed() async -> Bool {
  // EFAULT for the missing filter: the kernel knows filters.
  await status(of: "#include <sys/prctl.h>\nint main(void) { return prctl(22, 2, 0); }") == .exited(255)
}

/// Whether processes can make the file system read-only for themselves.
func kernelHasLandlock() async -> Bool {
  let text = "#include <unistd.h>\nlong syscall(long, ...);\nint main(void) { return syscall(444, NULL, 0, 1) < 1; }"
  return await status(of: text) == .exited(0)
}

/// How a C program ends; nil if it cannot be compiled or run.
private func status(of text: String) async -> TestSupport.ExitStatus? {
  try? await withTemporaryFolder { folder in
    try folder.write(text, as: "probe.c")
    let program = folder.appending(path: "probe").filePath
    try await Compiler.c.compile(["-o", program, folder.appending(path: "probe.c").filePath])
    return try await run(program, []).status
  }
}

/// Words that run the command behind them where /proc is not mounted.
let withoutProc = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"]

/// Whether this machine allows it.
func procCanBeHidden() async -> Bool {
  (try? await run(withoutProc[0], Array(withoutProc.dropFirst()) + ["true"]))?.status == .exited(0)
}
