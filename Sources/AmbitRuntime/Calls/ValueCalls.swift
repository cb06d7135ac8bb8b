internal import AmbitCore
internal import CAmbit

/// The calls that keep values in scopes.
enum ValueCalls {
  static func install(in api: inout ambit_api) {
    api.set = { handle, key, value in
      guard let key else { return Status.invalid.rawValue }
      return CallSite.loop(handle) { $0.setValue(value, for: key) }
    }
    api.get = { handle, key in
      guard let key else { return nil }
      var value: UnsafeMutableRawPointer?
      _ = CallSite.loop(handle) { scope in
        value = scope.value(for: key)
        return .ok
      }
      return value
    }
  }
}
