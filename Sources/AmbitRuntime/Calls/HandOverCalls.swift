internal import AmbitCore
internal import AmbitSystem
internal import CAmbit

/// The calls by which one generation of a plugin leaves its state to the next.
enum HandOverCalls {
  static func install(in api: inout ambit_api) {
    api.hand_over = { handle, version, bytes, length in
      CallSite.loop(handle) { scope in
        guard let generation = scope.generationAtFirstLoop, generation.pointee.isSaving else { return .wrongState }
        guard bytes != nil || length == 0 else { return .invalid }
        guard UInt(bitPattern: length) <= UInt(HandedOverState.limit) else { return .limit }
        let copied = HandedOverState(version: version, copying: UnsafeRawBufferPointer(start: bytes, count: length))
        guard let copied else { return .noMemory }
        generation.pointee.saved = copied
        return .ok
      }
    }
    api.handed_over = { handle, version in
      var left: HandedOverState?
      _ = CallSite.loop(handle) { scope in
        left = scope.generationAtFirstLoop?.pointee.handedOver
        return .ok
      }
      version?.pointee = left?.version ?? 0
      let bytes = left?.bytes.value
      return ambit_str(ptr: bytes?.baseAddress?.assumingMemoryBound(to: CChar.self), len: bytes?.count ?? 0)
    }
  }
}

extension UnsafeMutablePointer<Scope> {
  /// The generation, if this is the plugin's scope on the loop where its `start` and `save` run: nobody else touches
  /// what they set and leave.
  var generationAtFirstLoop: GenerationPointer? {
    pointee.kind == .plugin && pointee.loop.pointee.index == 0 ? pointee.generation : nil
  }
}
