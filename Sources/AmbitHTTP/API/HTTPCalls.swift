package import AmbitRuntime
package import AmbitSystem
internal import CAmbit

/// The part of the host's function table that is about requests and responses.
package enum HTTPCalls {
  /// The host's whole table: the runtime's calls and these, with a check in front of each if they are to be checked.
  /// - Throws: if the system has no memory for it.
  package static func makeTable(isChecked: Bool = false) throws(SystemError) -> HostTable {
    try HostTable(
      isChecked: isChecked,
      installing: { api in
        RequestCalls.install(in: &api)
        BodyCalls.install(in: &api)
        ResponseCalls.install(in: &api)
      }, checks: CheckedHTTPCalls.install)
  }
}

extension ambit_str {
  /// Says that there is nothing, not even an empty text.
  static var absent: ambit_str { ambit_str(ptr: nil, len: 0) }

  /// Bytes that live as long as the scope.
  @inline(__always)
  init(_ bytes: UnsafeRawBufferPointer) {
    // An empty text is not an absent one: it points somewhere.
    self.init(ptr: (bytes.baseAddress ?? Self.somewhere).assumingMemoryBound(to: CChar.self), len: bytes.count)
  }

  private static var somewhere: UnsafeRawPointer { UnsafeRawPointer(("" as StaticString).utf8Start) }
}
