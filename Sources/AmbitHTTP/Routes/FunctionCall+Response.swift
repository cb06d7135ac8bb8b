internal import AmbitCore
internal import AmbitFFI
internal import AmbitRuntime
internal import CAmbit
internal import Glibc

// The response is made from the function's result and from the variables that it sets.

extension FunctionCall {
  /// Responds, unless the function has done so itself or the client has left.
  func respond() throws(FunctionCallError) {
    guard exchange.pointee.response.state == .notStarted else { return }
    if call.pointee.hasReports || prefersJSON {
      try respondWithJSON()
    } else {
      try respondWithText()
    }
  }

  /// Whether the client would rather have JSON: RFC 9110, section 12.5.1.
  private var prefersJSON: Bool {
    var preference = Accept()
    for index in 0..<exchange.pointee.head.fieldCount {
      let field = exchange.pointee.fields[index]
      guard field.name.length == 6, FieldSyntax.isSameName(exchange.bytes(field.name).bytes, Self.accept.bytes)
      else { continue }
      preference.add(exchange.bytes(field.value).bytes)
    }
    return preference.prefersJSON
  }

  private static var accept: UnsafeRawBufferPointer { .literal("Accept") }

  private func respondWithText() throws(FunctionCallError) {
    let type = call.pointee.result.type
    let contentType = UnsafeRawBufferPointer(call.pointee.contentType)
    guard type != .str else { return try send(text(at: result.bits) ?? .literal(""), as: contentType) }
    let text = ScalarText(result.bits, as: type)
    var sent = Status.ok
    withUnsafeBytes(of: text.bytes) { bytes in
      sent = respond(UnsafeRawBufferPointer(rebasing: bytes[..<text.count]), as: contentType)
    }
    try check(sent)
  }

  private func send(_ body: UnsafeRawBufferPointer, as type: UnsafeRawBufferPointer) throws(FunctionCallError) {
    try check(respond(body, as: type))
  }

  private func respond(_ body: UnsafeRawBufferPointer, as type: UnsafeRawBufferPointer) -> Status {
    ResponseWriter.respond(to: exchange, status: 200, contentType: type, body: body, job: job, scope: scope)
  }

  private func check(_ status: Status) throws(FunctionCallError) {
    // `.closed`: the route goes on although its client has left.
    guard status == .ok || status == .closed else { throw .status(status) }
  }

  /// The text at an address, up to its NUL; nil at null.
  private func text(at address: UInt64) -> UnsafeRawBufferPointer? {
    UnsafePointer<CChar>(bitPattern: UInt(address)).map(CString.bytes)
  }
}

// JSON: an object with `result` and each name that the function reports.

extension FunctionCall {
  private func respondWithJSON() throws(FunctionCallError) {
    let size = try jsonSize()
    guard let memory = scope.allocate(size) else { throw .status(.noMemory) }
    var writer = JSONObjectWriter(UnsafeMutableRawBufferPointer(start: memory, count: size))
    forEachMember { key, value in writer.write(key, value) }
    writer.end()
    let body = UnsafeRawBufferPointer(start: memory, count: writer.count)
    try send(body, as: .literal("application/json"))
  }

  /// How many bytes the object has at most.
  private func jsonSize() throws(FunctionCallError) -> Int {
    var size = 2
    var unfit: UnsafeRawBufferPointer?
    forEachMember { key, value in
      if let count = value.byteCount { size += key.count + count + 1 } else { unfit = unfit ?? key }
    }
    guard let unfit else { return size }
    let name = String(decoding: unfit.dropLast(), as: UTF8.self)
    throw .function("the function reports text under \(name) that is not UTF-8, as JSON has to be")
  }

  /// Calls `body` with each member of the response: its name in quotes with the colon, and its value.
  private func forEachMember(_ body: (UnsafeRawBufferPointer, JSONMemberValue) -> Void) {
    body(.literal("\"result\":"), value(result.bits, as: call.pointee.result.type))
    for index in call.pointee.reportKeys.indices {
      body(UnsafeRawBufferPointer(call.pointee.reportKeys[index]), value(of: call.pointee.plan.reports[index]))
    }
  }

  private func value(of report: ArgumentPlan.Report) -> JSONMemberValue {
    let place = output + report.offset
    guard let type = report.type else {
      return .text(UnsafeRawBufferPointer(start: place, count: strnlen(place, report.byteCount)))
    }
    return value(place.load(as: UInt64.self), as: type)
  }

  private func value(_ bits: UInt64, as type: CType) -> JSONMemberValue {
    switch type {
    case .void: .null
    case .str: text(at: bits).map { .text($0) } ?? .null
    default: .scalar(ScalarText(bits, as: type, form: .json))
    }
  }
}

extension UnsafeRawBufferPointer {
  fileprivate init(_ text: ambit_str) { self.init(start: text.ptr, count: text.len) }
}

/// A value of a JSON object that is written from what a C function reports.
enum JSONMemberValue {
  case null
  case scalar(ScalarText)
  case text(UnsafeRawBufferPointer)

  /// How many bytes it takes; nil if it is text and not UTF-8.
  var byteCount: Int? {
    switch self {
    case .null: 4
    case .scalar(let text): text.count
    case .text(let text): JSONStringText.byteCount(of: text.bytes)
    }
  }
}

/// Writes the members of one JSON object into memory that has room for them: RFC 8259, section 4.
struct JSONObjectWriter {
  private let memory: UnsafeMutableRawBufferPointer
  /// How many bytes have been written.
  private(set) var count = 0

  init(_ memory: UnsafeMutableRawBufferPointer) {
    self.memory = memory
    put(UInt8(ascii: "{"))
  }

  /// Writes a member; `key` is its name in quotes with the colon.
  mutating func write(_ key: UnsafeRawBufferPointer, _ value: JSONMemberValue) {
    if count > 1 { put(UInt8(ascii: ",")) }
    put(key)
    switch value {
    case .null: put(.literal("null"))
    case .scalar(let text):
      for index in 0..<text.count { put(text.bytes[index]) }
    case .text(let text):
      var buffer = memory.mutableBytes
      count = JSONStringText.write(text.bytes, into: &buffer, at: count)
    }
  }

  mutating func end() { put(UInt8(ascii: "}")) }

  private mutating func put(_ byte: UInt8) {
    memory[count] = byte
    count += 1
  }

  private mutating func put(_ bytes: UnsafeRawBufferPointer) {
    memcpy(memory.baseAddress! + count, bytes.baseAddress!, bytes.count)
    count += bytes.count
  }
}
