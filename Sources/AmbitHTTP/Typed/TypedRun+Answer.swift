internal import AmbitCore
internal import AmbitFFI
internal import AmbitRuntime
internal import CAmbit
internal import Glibc

// From what the function has returned and reports to the response.

extension TypedRun {
  /// Responds, unless the function has done so itself or nobody waits for it any more.
  func respond() throws(TypedFailure) {
    guard request.pointee.response.phase == .unbegun else { return }
    if call.pointee.hasReports || prefersJSON {
      try respondWithJSON()
    } else {
      try respondWithText()
    }
  }

  /// Whether the client would rather have JSON: RFC 9110, section 12.5.1.
  private var prefersJSON: Bool {
    var preference = AnswerPreference()
    for index in 0..<request.pointee.head.fieldCount {
      let field = request.pointee.fields[index]
      guard field.name.length == 6, FieldSyntax.isSameName(request.bytes(field.name).bytes, Self.accept.bytes)
      else { continue }
      preference.add(request.bytes(field.value).bytes)
    }
    return preference.prefersJSON
  }

  private static var accept: UnsafeRawBufferPointer { .literal("Accept") }

  private func respondWithText() throws(TypedFailure) {
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

  private func send(_ body: UnsafeRawBufferPointer, as type: UnsafeRawBufferPointer) throws(TypedFailure) {
    try check(respond(body, as: type))
  }

  private func respond(_ body: UnsafeRawBufferPointer, as type: UnsafeRawBufferPointer) -> Status {
    Responder.respond(to: request, status: 200, contentType: type, body: body, job: job, scope: scope)
  }

  private func check(_ status: Status) throws(TypedFailure) {
    // `.closed`: the route goes on although its client has left.
    guard status == .ok || status == .closed else { throw .status(status) }
  }

  /// The text at an address, up to its NUL; nil at null.
  private func text(at address: UInt64) -> UnsafeRawBufferPointer? {
    UnsafePointer<CChar>(bitPattern: UInt(address)).map(CString.bytes)
  }
}

// JSON: an object with `result` and each name that the function reports.

extension TypedRun {
  private func respondWithJSON() throws(TypedFailure) {
    let size = try jsonSize()
    guard let memory = scope.allocate(size) else { throw .status(.noMemory) }
    var writer = JSONObjectWriter(UnsafeMutableRawBufferPointer(start: memory, count: size))
    forEachMember { key, value in writer.write(key, value) }
    writer.end()
    let body = UnsafeRawBufferPointer(start: memory, count: writer.count)
    try send(body, as: .literal("application/json"))
  }

  /// How many bytes the object has at most.
  private func jsonSize() throws(TypedFailure) -> Int {
    var size = 2
    var unfit: UnsafeRawBufferPointer?
    forEachMember { key, value in
      if let count = value.byteCount { size += key.count + count + 1 } else { unfit = unfit ?? key }
    }
    guard let unfit else { return size }
    let name = String(decoding: unfit.dropLast(), as: UTF8.self)
    throw .function("the function reports text under \(name) that is not UTF-8, as JSON has to be")
  }

  /// Calls `body` with each member of the answer: its name in quotes with the colon, and its value.
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
