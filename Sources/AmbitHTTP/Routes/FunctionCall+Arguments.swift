internal import AmbitCore
internal import AmbitFFI
internal import AmbitRuntime
internal import Glibc

// Arguments are made from the request. A value that its parameter cannot hold is refused before the call.

extension FunctionCall {
  /// Sets every argument; waits for the body if one of them needs it.
  func readArguments() throws(FunctionCallError) {
    let steps = call.pointee.steps
    for index in steps.indices {
      switch steps[index].source {
      case .path(let parameter): try setText(index, exchange.pathValue(parameter))
      case .constant(let bits): frame.set(index, to: bits)
      case .body: try setBody(index)
      case .scope: frame.set(index, to: scope)
      case .output(let offset): frame.set(index, to: output + offset)
      case .field, .length, .lengthOfBody: break
      }
    }
    if call.pointee.hasFields { try readFields() }
    // Every argument that has a length is set by now.
    for index in steps.indices {
      switch steps[index].source {
      case .length(let other): try setLength(index, lengths[other])
      case .lengthOfBody: try setLength(index, body().count)
      default: break
      }
    }
  }

  /// Sets an argument to the value of a plain text.
  private func setText(_ index: Int, _ text: UnsafeRawBufferPointer) throws(FunctionCallError) {
    let type = call.pointee.steps[index].type
    switch type {
    case .str:
      guard text.isEmpty || memchr(text.baseAddress!, 0, text.count) == nil else { throw malformed(index, text) }
      try setCopy(index, of: text)
    case .bytes: setBytes(index, text)
    default:
      guard let bits = type.bits(of: text.bytes) else { throw malformed(index, text) }
      frame.set(index, to: bits)
    }
  }

  private func malformed(_ index: Int, _ text: UnsafeRawBufferPointer) -> FunctionCallError {
    malformed(index, FieldValue(form: .text), text)
  }

  /// The error that says why the parameter does not take the value.
  func malformed(_ index: Int, _ value: FieldValue, _ text: UnsafeRawBufferPointer) -> FunctionCallError {
    let parameter = call.pointee.plan.parameters[index]
    let refusal = ArgumentError(parameter.name ?? "", of: parameter.type, value: value, text: text.bytes)
    return .badRequest("\(refusal)")
  }

  private func setBytes(_ index: Int, _ bytes: UnsafeRawBufferPointer) {
    // An empty value has an address too: null would mean that there is none.
    frame.set(index, to: bytes.baseAddress ?? UnsafeRawBufferPointer.literal("").baseAddress!)
    lengths[index] = bytes.count
  }

  private func setCopy(_ index: Int, of text: UnsafeRawBufferPointer) throws(FunctionCallError) {
    guard let copy = scope.copy(text).baseAddress else { throw .status(.noMemory) }
    frame.set(index, to: copy)
    lengths[index] = text.count
  }

  private func setLength(_ index: Int, _ length: Int) throws(FunctionCallError) {
    let parameter = call.pointee.plan.parameters[index]
    guard let bits = parameter.type.bits(ofLength: length) else {
      let name =
        switch parameter.source {
        case .length(let name): name
        default: "body"
        }
      throw .badRequest("\(ArgumentError(length: length, of: name, as: parameter.type))")
    }
    frame.set(index, to: bits)
  }

  private func setBody(_ index: Int) throws(FunctionCallError) {
    let body = try body()
    guard call.pointee.steps[index].type == .str else { return setBytes(index, body) }
    if !body.isEmpty, let end = memchr(body.baseAddress!, 0, body.count) {
      throw .badRequest(
        "\(ArgumentError(bodyWithNULAt: end - UnsafeMutableRawPointer(mutating: body.baseAddress!)))")
    }
    try setCopy(index, of: body)
  }

  /// The whole body, the same each time; waits until it is here.
  func body() throws(FunctionCallError) -> UnsafeRawBufferPointer {
    let (status, bytes) = exchange.readWholeBody(job: job, scope: scope)
    try checkBody(status)
    return bytes
  }

  /// Receives the body for a function that reads it through the scope, on its thread.
  func receiveBody() throws(FunctionCallError) { try checkBody(exchange.receiveBodyBeforeThread(as: job)) }

  private func checkBody(_ status: Status) throws(FunctionCallError) {
    switch status {
    case .ok: break
    case .limit where exchange.pointee.body.state == .tooLong: throw .bodyTooLarge
    case .invalid: throw .badRequest("the request body is malformed")
    default: throw .status(status)
    }
  }
}

// Fields of the query and of the body.

extension FunctionCall {
  private func readFields() throws(FunctionCallError) {
    let count = call.pointee.steps.count
    guard let memory = scope.allocate(count * MemoryLayout<FieldValue>.stride) else { throw .status(.noMemory) }
    let values = UnsafeMutableBufferPointer(
      start: memory.bindMemory(to: FieldValue.self, capacity: count), count: count)
    values.initialize(repeating: FieldValue())
    let query = exchange.pointee.head.query.map { exchange.bytes($0) } ?? .literal("")
    var span = values.mutableSpan
    call.pointee.plan.fields.find(inQuery: query.bytes, &span)
    var body = UnsafeRawBufferPointer.literal("")
    if exchange.pointee.head.body != .none, call.pointee.plan.fields.isMissingAny(of: values.span) {
      body = try findInBody(values)
    }
    for index in 0..<count {
      guard case .field = call.pointee.steps[index].source else { continue }
      try setField(index, values[index], in: values[index].origin == .query ? query : body)
    }
  }

  /// Sets the values that the body has and the query has not, and returns the body.
  private func findInBody(
    _ values: UnsafeMutableBufferPointer<FieldValue>
  ) throws(FunctionCallError) -> UnsafeRawBufferPointer {
    let fields = call.pointee.plan.fields
    let type = exchange.field(.literal("Content-Type"))
    let format = type.map { BodyFormat(contentType: $0.bytes) } ?? .unnamed
    let body = format.mayHaveFields ? try self.body() : .literal("")
    var span = values.mutableSpan
    switch format {
    case .json:
      do throws(JSONError) { try fields.find(inJSON: body.bytes, &span) } catch {
        throw .badRequest("\(ArgumentError(error))")
      }
    case .form: fields.find(inForm: body.bytes, &span)
    case .unnamed, .text, .multipart, .other: break
    }
    if fields.isMissingAny(of: values.span),
      let hint = UnreadFields(in: body.bytes, format, contentType: type.map { String(decoding: $0, as: UTF8.self) })
    {
      try refuseMissing(values, hint)
    }
    return body
  }

  /// Refuses a request that lacks an argument and whose body has fields that cannot be read. Then the default value of
  /// an argument would hide the mistake, unless the function takes the body itself.
  private func refuseMissing(
    _ values: UnsafeMutableBufferPointer<FieldValue>, _ hint: UnreadFields
  ) throws(FunctionCallError) {
    let takesDefaults = call.pointee.plan.readsBody || !hint.isCertain
    for (index, step) in call.pointee.steps.enumerated() {
      guard case .field = step.source, values[index].form == .missing, step.fallback == nil || !takesDefaults else {
        continue
      }
      let parameter = call.pointee.plan.parameters[index]
      throw .badRequest("\(ArgumentError(missing: parameter.name ?? "", of: parameter.type, hint))")
    }
  }

  private func setField(
    _ index: Int, _ value: FieldValue, in bytes: UnsafeRawBufferPointer
  ) throws(FunctionCallError) {
    if value.form == .missing || value.form == .jsonNull, let fallback = call.pointee.steps[index].fallback {
      frame.set(index, to: fallback.bits)
      lengths[index] = fallback.length
      return
    }
    let raw = UnsafeRawBufferPointer(rebasing: bytes[value.range.bounds])
    guard value.canBe(call.pointee.steps[index].type) else { throw malformed(index, value, raw) }
    guard value.needsDecoding else { return try setText(index, raw) }
    guard let memory = scope.allocate(raw.count + 1) else { throw .status(.noMemory) }
    let room = UnsafeMutableRawBufferPointer(start: memory, count: raw.count)
    var buffer = room.mutableBytes
    let count = value.decodeText(of: bytes.bytes, into: &buffer)
    try setText(index, UnsafeRawBufferPointer(start: memory, count: count))
  }
}
