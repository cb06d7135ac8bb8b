internal import AmbitCore
internal import AmbitSystem
internal import CAmbit
internal import Glibc
internal import Logging

/// The section "Plugin" of `ambit.h`: the plugin's scope, state and settings, its log, the state that it hands over to
/// its next generation, and extensions.
enum PluginCalls {
  static func install(in api: inout ambit_api) {
    installPlugin(&api)
    installReports(&api)
    installHandOver(&api)
    installExtensions(&api)
  }

  private static func installPlugin(_ api: inout ambit_api) {
    api.parent = { $0.flatMap { ScopePointer.of($0).visibleParent?.asHandle } }
    api.plugin_scope = { handle in
      guard let handle else { return nil }
      let scope = ScopePointer.of(handle)
      return scope.pointee.generation?.pointee.shards[scope.pointee.loop.pointee.index].asHandle
    }
    api.state = { $0.flatMap { ScopePointer.of($0).pointee.generation?.pointee.state } }
    api.set_state = { handle, state in
      HostCall.onLoop(handle, "ambit_set_state") { scope in
        guard let generation = scope.generationAtFirstLoop, generation.pointee.isStarting else {
          return .wrongState.noting("the plugin is not starting")
        }
        generation.pointee.state = state
        return .ok
      }
    }
    api.setting = { handle, key in
      let absent = ambit_str(ptr: nil, len: 0)
      guard let handle, let key else { return absent }
      return ScopePointer.of(handle).pointee.generation?.pointee.settings.value(of: key) ?? absent
    }
  }

  private static func installReports(_ api: inout ambit_api) {
    api.fail = { handle, status, why in
      _ = HostCall.onLoop(handle) { _ in
        if let why { JobPointer.ofThisThread?.noteFailure(CString.bytes(why)) }
        return .ok
      }
      return status
    }
    api.log = { handle, level, text, length in
      guard let handle, let text, length >= 0, !ForkedChild.isCurrent else { return }
      let bytes = UnsafeRawBufferPointer(start: text, count: length)
      let scope = ScopePointer.of(handle)
      PluginLog.write(
        Logger.Level(ambit: level), scope, job: JobPointer.ofThisThread,
        String(decoding: bytes, as: UTF8.self))
    }
  }

  /// The calls by which a generation hands its state over to the next.
  private static func installHandOver(_ api: inout ambit_api) {
    api.hand_over = { handle, version, bytes, length in
      HostCall.onLoop(handle, "ambit_hand_over") { scope in
        guard let generation = scope.generationAtFirstLoop, generation.pointee.isSaving else {
          return .wrongState.noting("the plugin's save function is not running")
        }
        guard bytes != nil || length == 0 else {
          return .invalid(because: "bytes: expected \(length) bytes, found NULL")
        }
        guard UInt(bitPattern: length) <= UInt(HandedOverState.limit) else { return .limit }
        let copied = HandedOverState(version: version, copying: UnsafeRawBufferPointer(start: bytes, count: length))
        guard let copied else { return .noMemory }
        generation.pointee.saved = copied
        return .ok
      }
    }
    api.handed_over = { handle, version in
      var left: HandedOverState?
      _ = HostCall.onLoop(handle) { scope in
        left = scope.generationAtFirstLoop?.pointee.handedOver
        return .ok
      }
      version?.pointee = left?.version ?? 0
      let bytes = left?.bytes.value
      return ambit_str(ptr: bytes?.baseAddress?.assumingMemoryBound(to: CChar.self), len: bytes?.count ?? 0)
    }
  }

  private static func installExtensions(_ api: inout ambit_api) {
    api.extension = { handle, id in
      guard let handle, let id else { return nil }
      let scope = ScopePointer.of(handle)
      if strcmp(id, PluginCalls.workerExtension) == 0 { return UnsafeRawPointer(scope.pointee.loop.pointee.worker) }
      guard strcmp(id, PluginCalls.dryRunExtension) == 0 else { return nil }
      guard scope.pointee.generation?.pointee.isDryRun == true else { return nil }
      return PluginCalls.dryRunTable.map { UnsafeRawPointer($0) }
    }
  }

  private static let workerExtension = "ambit.worker/1"
  private static let dryRunExtension = "ambit.dry_run/1"
  /// The table has no calls: a plugin only asks whether it is there.
  private nonisolated(unsafe) static let dryRunTable: UnsafePointer<UInt32>? =
    try? ConstantPages.copy([UInt32(MemoryLayout<UInt32>.size)], called: "the table of an extension")
}

extension WorkerPlace {
  /// What the extension `ambit.worker/1` is. It is never released.
  /// - Throws: if the system has no memory for it.
  func makeExtension() throws(SystemError) -> UnsafePointer<ambit_worker> {
    let worker = ambit_worker(
      size: MemoryLayout<ambit_worker>.size, index: UInt32(clamping: index), count: UInt32(clamping: count))
    return try ConstantPages.copy([worker], called: "the table of an extension")
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The scope above; nil if that is the host's, which plugins may not see.
  fileprivate var visibleParent: ScopePointer? {
    guard let parent = pointee.parent, parent.pointee.kind != .host else { return nil }
    return parent
  }
}

extension Logger.Level {
  /// The level that `ambit_level` stands for; a number out of range stands for the nearest level.
  fileprivate init(ambit level: ambit_level) {
    let levels: [Logger.Level] = [.trace, .debug, .info, .notice, .warning, .error]
    self = levels[min(max(Int(level), 0), levels.count - 1)]
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The generation, if this is the plugin's scope on the loop where its `start` and `save` run; nil for other scopes.
  /// Only `start` and `save` set the generation's state and what it hands over.
  var generationAtFirstLoop: GenerationPointer? {
    pointee.kind == .plugin && pointee.loop.pointee.index == 0 ? pointee.generation : nil
  }
}
