import Foundation
import Testing

/// A program that a test needs and a machine may lack: such a test is skipped with the reason.
struct Tool: CustomTestStringConvertible {
  let path: String

  /// The first program of that name in `PATH`.
  init?(_ name: String) {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    guard
      let found = folders.map({ "\($0)/\(name)" }).first(where: FileManager.default.isExecutableFile(atPath:))
    else { return nil }
    path = found
  }

  var testDescription: String { path }

  /// The compiler of the Swift toolchain, which every build of the package needs.
  static let clang = Tool("clang")
  static let gcc = Tool("gcc")
  static let armCompiler = Tool("aarch64-linux-gnu-gcc")
  static let armEmulator = Tool("qemu-aarch64") ?? Tool("qemu-aarch64-static")

  /// The compilers of this machine, at least one.
  static let compilers = [clang, gcc].compactMap { $0 }
}
