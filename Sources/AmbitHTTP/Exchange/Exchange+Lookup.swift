internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import CLinux
internal import Glibc

extension UnsafeMutablePointer<Exchange> {
  /// The value of a parameter of the route's pattern; nil if the pattern has no parameter of that name.
  func parameter(_ name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard let names = pointee.route?.pointee.parameterNames else { return nil }
    for index in names.indices
    where names[index].len == name.count && memcmp(names[index].ptr!, name.baseAddress!, name.count) == 0 {
      return pathValue(index)
    }
    return nil
  }

  /// The value of the parameter at this index of the route's pattern.
  @inline(__always)
  func pathValue(_ index: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: pointee.path[pointee.parameters[index].bounds])
  }

  /// The decoded value of the first pair of that name in the query; nil without one.
  func queryValue(_ name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard let query = pointee.head.query.map({ bytes($0) }),
      let pair = firstQueryPair(named: name.bytes, in: query.bytes)
    else { return nil }
    let raw = UnsafeRawBufferPointer(rebasing: query[pair.value.bounds])
    guard pair.valueNeedsDecoding, let memory = scope.allocate(raw.count + 1) else { return raw }
    let room = UnsafeMutableRawBufferPointer(start: memory, count: raw.count)
    var buffer = room.mutableBytes
    let count = decodeFormText(pair.value, of: query.bytes, into: &buffer)
    return UnsafeRawBufferPointer(start: memory, count: count)
  }

  /// The value of the first header line of that name, in any case; nil without one.
  func field(_ name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    for index in 0..<pointee.head.fieldCount {
      let field = pointee.fields[index]
      if Int(field.name.length) == name.count, FieldSyntax.isSameName(bytes(field.name).bytes, name.bytes) {
        return bytes(field.value)
      }
    }
    return nil
  }

  /// The identifier of the request in the log.
  var identifier: ambit_str {
    var text = "\(RequestID(ofRequest: scope))"
    return text.withUTF8 { ambit_str(UnsafeRawBufferPointer(scope.copy(UnsafeRawBufferPointer($0)))) }
  }

  /// The client's address and port, `unix` for a local socket; absent once the client is gone.
  var peer: ambit_str {
    guard var text = pointee.carrier?.peer.text else { return .absent }
    return text.withUTF8 { ambit_str(UnsafeRawBufferPointer(scope.copy(UnsafeRawBufferPointer($0)))) }
  }
}
