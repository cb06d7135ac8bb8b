internal import AmbitCore
internal import AmbitRuntime

/// The Swift runtime that a library uses. On fibers, code in Swift works only with the runtime of the host, which each
/// job takes its thread's state from: see `SwiftRuntime`.
enum SwiftUse: Equatable, Sendable {
  /// It contains no Swift code and is not linked with such code.
  case none
  /// The runtime that the host uses too.
  case ofHost
  /// A runtime of its own: it was built with `-static-stdlib`, or the host was.
  case own

  /// - Parameter hasSwiftCode: whether the file itself contains Swift code.
  init(of library: LibraryHandle, hasSwiftCode: Bool) {
    self.init(checkVariable: library.address(of: SwiftRuntime.checkVariable), hasSwiftCode: hasSwiftCode)
  }

  /// - Parameter checkVariable: the address of the runtime's variable of that name, as the loader finds it from the
  ///   library; 0 if the library is not linked with the runtime, or contains it.
  init(checkVariable: UInt, hasSwiftCode: Bool) {
    guard checkVariable != 0 || hasSwiftCode else {
      self = .none
      return
    }
    self = SwiftRuntime.shared?.hasCheckVariable(at: checkVariable) == true ? .ofHost : .own
  }

  /// Throws if code of the plugin must not run on fibers and its entry does not say so.
  /// - Parameter keepsTaskLocalsApart: whether the host can give each job its own values of `@TaskLocal` variables.
  func check(
    _ flags: PluginFlags, of copy: PluginCopy, named name: String,
    keepsTaskLocalsApart: @autoclosure () -> Bool = SwiftRuntime.shared?.hasTaskLocals ?? false
  ) throws(PluginError) {
    guard !flags.contains(.threads), let reason = objection(to: copy, keepsTaskLocalsApart) else { return }
    throw PluginError(
      .malformedEntry, copy.file, plugin: name, "\(reason), or set AMBIT_PLUGIN_THREADS in the flags of its entry")
  }

  private func objection(to copy: PluginCopy, _ keepsTaskLocalsApart: () -> Bool) -> String? {
    switch self {
    case .own:
      "it brings a Swift runtime of its own, which mixes up jobs that wait on one thread; build it without"
        + " -static-stdlib"
    case .ofHost where copy.setsTaskLocals && !keepsTaskLocalsApart():
      "it sets values of @TaskLocal variables, and the host cannot keep those of its jobs apart with this version of"
        + " the Swift runtime; pass the values on as parameters"
    case .none, .ofHost: nil
    }
  }
}

extension LoadedPlugin {
  /// Prepares the Swift runtime for jobs of the plugin that wait. In checked mode the runtime goes on with its check of
  /// exclusive access, and each job takes the accesses along that it has under way. Otherwise the check ends.
  func prepareSwift(isChecked: Bool) {
    guard swift == .ofHost, !isChecked, !declaration.flags.contains(.threads) else { return }
    SwiftRuntime.shared?.endAccessChecks()
  }
}
