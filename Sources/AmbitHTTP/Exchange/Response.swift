internal import AmbitCore
internal import AmbitRuntime
internal import Glibc

/// The response of an exchange, whatever carries it.
struct Response {
  var state = ResponseState.notStarted
  /// The status that the plugin set; sent where the head is written without naming one.
  var status = 200
  /// Header lines that the plugin set, each with its line end; in the scope's memory.
  var lines = HeaderLines()
  /// Bytes of the body that the head has announced and that are still to come; nil for a body in chunks or to the
  /// close.
  var remaining: Int64?
  /// The response has no body: the request was HEAD, or the status allows none.
  var isBodyless = false
  /// The handler's job waits for the response to be complete.
  var isAwaited = false
  /// The host has completed the response, because the handler returned `AMBIT_OK` and had not begun it.
  var isHosts = false

  @inline(__always) var isComplete: Bool { state == .complete }

  /// Whether a response with this status may have content: RFC 9110, sections 15.2, 15.3.5, 15.3.6 and 15.4.5.
  @inline(__always)
  static func mayHaveContent(_ status: Int) -> Bool {
    status >= 200 && status != 204 && status != 205 && status != 304
  }

  /// Makes it the response of another exchange.
  @inline(__always)
  mutating func reset() {
    state = .notStarted
    status = 200
    lines.reset()
    remaining = nil
    isBodyless = false
    isAwaited = false
    isHosts = false
  }
}

/// Header lines, one after the other in a scope's memory, ready to be sent.
struct HeaderLines {
  private var memory: UnsafeMutableRawPointer?
  private var capacity = 0
  private(set) var length = 0

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: memory, count: length) }

  /// Forgets all lines and their memory.
  @inline(__always)
  mutating func reset() {
    memory = nil
    capacity = 0
    length = 0
  }

  /// Appends a line. `.noMemory` if there is none, `.limit` if the plugin would use more of it than its limit; the host's
  /// own lines have no limit.
  mutating func add(
    _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, in scope: ScopePointer, isHosts: Bool = false
  ) -> Status {
    let size = name.count + value.count + 4
    let status = capacity - length < size ? makeRoom(for: size, in: scope, isHosts) : .ok
    guard status == .ok else { return status }
    append(name)
    append(Self.separator)
    append(value)
    append(Self.lineEnd)
    return .ok
  }

  private mutating func append(_ part: UnsafeRawBufferPointer) {
    if let source = part.baseAddress { memcpy(memory! + length, source, part.count) }
    length += part.count
  }

  /// Removes the lines of a name, in any case.
  @inline(__always)
  mutating func remove(_ name: UnsafeRawBufferPointer) {
    if length > 0 { search(andRemove: name) }
  }

  private mutating func search(andRemove name: UnsafeRawBufferPointer) {
    var start = 0
    while let line = line(at: start) {
      if FieldSyntax.isSameName(line.name.bytes, name.bytes) {
        memmove(memory! + start, memory! + line.end, length - line.end)
        length -= line.end - start
      } else {
        start = line.end
      }
    }
  }

  /// Whether there is a line of a name, in any case.
  func contains(_ name: UnsafeRawBufferPointer) -> Bool {
    var start = 0
    while let line = line(at: start) {
      if FieldSyntax.isSameName(line.name.bytes, name.bytes) { return true }
      start = line.end
    }
    return false
  }

  private func line(at start: Int) -> (name: UnsafeRawBufferPointer, end: Int)? {
    guard start < length, let memory else { return nil }
    let rest = UnsafeRawBufferPointer(start: memory + start, count: length - start)
    let colon = rest.firstIndex(of: UInt8(ascii: ":"))!
    let end = rest.firstIndex(of: UInt8(ascii: "\n"))! + 1
    return (UnsafeRawBufferPointer(rebasing: rest[..<colon]), start + end)
  }

  private mutating func makeRoom(for size: Int, in scope: ScopePointer, _ isHosts: Bool) -> Status {
    let wanted = max(512, (length + size) * 2)
    let (status, larger) = isHosts ? (.noMemory, scope.allocate(wanted)) : scope.allocateWithinLimit(wanted)
    guard let larger else { return status }
    if let memory { memcpy(larger, memory, length) }
    memory = larger
    capacity = wanted
    return .ok
  }

  private static var separator: UnsafeRawBufferPointer { UnsafeRawBufferPointer.literal(": ") }
  private static var lineEnd: UnsafeRawBufferPointer { UnsafeRawBufferPointer.literal("\r\n") }
}

extension UnsafeRawBufferPointer {
  /// The bytes of a literal.
  @inline(__always)
  static func literal(_ text: StaticString) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }
}
