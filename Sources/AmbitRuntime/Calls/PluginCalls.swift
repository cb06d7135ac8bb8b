internal import AmbitCore
internal import CAmbit
internal import Logging

/// The calls about the plugin itself: its state, its settings, what it logs.
enum PluginCalls {
  static func install(in api: inout ambit_api) {
    api.parent = { $0.flatMap { ScopePointer.of($0).visibleParent?.asHandle } }
    api.plugin_scope = { handle in
      guard let handle else { return nil }
      let scope = ScopePointer.of(handle)
      return scope.pointee.generation?.pointee.shards[scope.pointee.loop.pointee.index].asHandle
    }
    api.state = { $0.flatMap { ScopePointer.of($0).pointee.generation?.pointee.state } }
    api.set_state = { handle, state in
      CallSite.loop(handle) { scope in
        guard let generation = scope.generationAtFirstLoop, generation.pointee.isStarting else { return .wrongState }
        generation.pointee.state = state
        return .ok
      }
    }
    api.setting = { handle, key in
      let absent = ambit_str(ptr: nil, len: 0)
      guard let handle, let key else { return absent }
      return ScopePointer.of(handle).pointee.generation?.pointee.settings.value(of: key) ?? absent
    }
    installReports(in: &api)
  }

  private static func installReports(in api: inout ambit_api) {
    api.fail = { handle, status, why in
      _ = CallSite.loop(handle) { _ in
        if let why { CallSite.job?.noteFailure(CString.bytes(why)) }
        return .ok
      }
      return status
    }
    api.log = { handle, level, text, length in
      guard let handle, let text, length >= 0, !ForkedChild.isCurrent else { return }
      let bytes = UnsafeRawBufferPointer(start: text, count: length)
      let scope = ScopePointer.of(handle)
      PluginLog.write(
        Logger.Level(ambit: level), scope, job: CallSite.job,
        String(decoding: bytes, as: UTF8.self))
    }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The scope above, if it is one that plugins may see: the host's is not.
  fileprivate var visibleParent: ScopePointer? {
    guard let parent = pointee.parent, parent.pointee.kind != .host else { return nil }
    return parent
  }
}

extension Logger.Level {
  /// The level that `ambit_level` stands for; one out of range is the nearest.
  fileprivate init(ambit level: ambit_level) {
    let levels: [Logger.Level] = [.trace, .debug, .info, .notice, .warning, .error]
    self = levels[min(max(Int(level), 0), levels.count - 1)]
  }
}
