internal import CAmbit
internal import Glibc

/// The call that finds what is not part of the ABI.
enum ExtensionCalls {
  static func install(in api: inout ambit_api) {
    api.extension = { handle, id in
      guard let handle, let id, strcmp(id, ExtensionCalls.dryRunExtension) == 0 else { return nil }
      guard ScopePointer.of(handle).pointee.generation?.pointee.isDryRun == true else { return nil }
      return ExtensionCalls.dryRunTable.map { UnsafeRawPointer($0) }
    }
  }

  private static let dryRunExtension = "ambit.dry_run/1"
  /// There is nothing to call: that it is there says all.
  private nonisolated(unsafe) static let dryRunTable: UnsafePointer<UInt32>? =
    try? ConstantPages.copy([UInt32(MemoryLayout<UInt32>.size)], called: "the table of an extension")
}
