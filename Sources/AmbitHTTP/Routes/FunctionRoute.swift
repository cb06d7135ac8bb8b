internal import AmbitCore
internal import AmbitFFI
internal import AmbitRuntime
internal import CAmbit
internal import Glibc

/// The C function that a route calls, with everything that is known before a request comes. A request only looks for
/// fields of its query and its body by name. The record lives as long as the route.
struct FunctionRoute {
  let function: CFunction
  let interface: CallInterface
  let plan: ArgumentPlan
  /// The steps of the plan in the order of the C parameters, in a form that is cheap to read.
  let steps: UnsafeBufferPointer<FunctionRouteStep>
  /// The plan reads fields of the query or the body.
  let hasFields: Bool
  /// The function gets the scope, so that it can read the body itself.
  let takesScope: Bool
  /// The function reports variables or buffers besides its result.
  let hasReports: Bool
  /// The result of the function, or a variable that it reports, is a text.
  let reportsTexts: Bool
  let result: SignatureResult
  /// The function is a plugin's and returns an `ambit_status`, which means the same as that of a handler.
  let returnsStatus: Bool
  /// The lane in which the calls wait for their turns; nil: they run in parallel.
  let lane: SerialLane?
  /// The `Content-Type` of answers that are not JSON.
  let contentType: ambit_str
  /// For each report of the plan: its name in quotes with a colon, for a JSON object.
  let reportKeys: [ambit_str]
  /// The texts that constants and default values of the signature point to.
  fileprivate let texts: [ambit_str]
}

typealias FunctionRoutePointer = UnsafePointer<FunctionRoute>

/// How one argument of the function is made.
struct FunctionRouteStep {
  let type: CType
  let source: Source
  /// For a field: the argument if the request does not have it, or has null in JSON; nil: such a request is refused.
  let fallback: Fallback?

  /// The default value of a field.
  struct Fallback {
    /// The argument; for text its address.
    let bits: UInt64
    /// For text, how many bytes it has.
    let length: Int
  }

  /// As `ArgumentPlan.Step`; a text is the address of one that lives as long as the call.
  enum Source {
    case constant(UInt64)
    case path(Int)
    case field
    case body
    case length(of: Int)
    case lengthOfBody
    case scope
    case output(Int)
  }
}

extension FunctionRoute {
  /// Prepares the calls of `function` for a route whose pattern has `pathParameters`. The signature was parsed for
  /// routes. With a `lane`, the function runs on threads only, when it has its turn in the lane. Of a library a
  /// `status` is any number, and not one of `ambit.h`.
  static func make(
    _ function: @escaping CFunction, _ signature: CSignature, pathParameters: [String], contentType: String? = nil,
    lane: SerialLane? = nil, isOfLibrary: Bool = false
  ) -> FunctionRoutePointer {
    let plan = ArgumentPlan(signature, pathParameters: pathParameters)
    let steps = UnsafeMutableBufferPointer<FunctionRouteStep>.allocate(capacity: plan.steps.count)
    var texts: [ambit_str] = []
    _ = steps.initialize(
      from: zip(plan.parameters, plan.steps).map { parameter, step in
        FunctionRouteStep(
          type: parameter.type, source: .init(step, &texts),
          fallback: parameter.defaultValue.map { .init($0, &texts) })
      })
    let call = UnsafeMutablePointer<FunctionRoute>.allocate(capacity: 1)
    call.initialize(
      to: FunctionRoute(
        function: function, interface: CallInterface(signature), plan: plan, steps: UnsafeBufferPointer(steps),
        hasFields: !plan.fields.isEmpty, takesScope: plan.steps.contains(.scope), hasReports: !plan.reports.isEmpty,
        reportsTexts: signature.result.type == .str || plan.reports.contains { $0.type == .str },
        result: signature.result, returnsStatus: signature.result.status && !isOfLibrary, lane: lane,
        contentType: .immortalCopy(contentType ?? "text/plain"),
        // A name is letters, digits and underscores.
        reportKeys: plan.reports.map { .immortalCopy("\"\($0.name)\":") }, texts: texts))
    return FunctionRoutePointer(call)
  }
}

extension FunctionRoutePointer {
  /// Frees the memory. No request calls the function any more.
  func release() {
    pointee.interface.release()
    pointee.steps.deallocate()
    for text in pointee.texts + pointee.reportKeys + [pointee.contentType] { text.ptr?.deallocate() }
    let record = UnsafeMutablePointer(mutating: self)
    record.deinitialize(count: 1)
    record.deallocate()
  }
}

extension FunctionRouteStep.Fallback {
  fileprivate init(_ constant: ConstantArgument, _ texts: inout [ambit_str]) {
    switch constant {
    case .scalar(let bits): self.init(bits: bits, length: 0)
    case .null: self.init(bits: 0, length: 0)
    case .text(let text):
      let copy = ambit_str.immortalCopy(text)
      texts.append(copy)
      self.init(bits: UInt64(UInt(bitPattern: copy.ptr)), length: copy.len)
    }
  }
}

extension FunctionRouteStep.Source {
  fileprivate init(_ step: ArgumentPlan.Step, _ texts: inout [ambit_str]) {
    switch step {
    case .constant(let bits): self = .constant(bits)
    case .text(let text):
      let copy = ambit_str.immortalCopy(text)
      texts.append(copy)
      self = .constant(UInt64(UInt(bitPattern: copy.ptr)))
    case .path(let index): self = .path(index)
    case .field: self = .field
    case .body: self = .body
    case .length(let index): self = .length(of: index)
    case .lengthOfBody: self = .lengthOfBody
    case .scope: self = .scope
    case .output(let offset): self = .output(offset)
    }
  }
}

// A text that a function reports may lie in memory of the thread that the function ran on, or in memory that its next
// call overwrites, as with strerror(3) and asctime(3). So the text is copied on that thread, right after the call.

extension FunctionRoutePointer {
  /// Calls the function on this thread or fiber. The texts in the result, and in the variables of `output`, are copies
  /// that `releaseTexts` frees; one for which there is no memory is absent.
  func perform(_ frame: ArgumentFrame, output: UnsafeMutableRawPointer) -> CallResult {
    var result = pointee.interface.call(pointee.function, frame)
    guard pointee.reportsTexts else { return result }
    if pointee.result.type == .str, !pointee.result.freed { result.bits = Self.copy(ofTextAt: result.bits) }
    forEachText(in: output) { $0 = Self.copy(ofTextAt: $0) }
    return result
  }

  /// Frees the copies that a call has left, and the text that the route is to free; does nothing before the call.
  func releaseTexts(_ result: CallResult, output: UnsafeMutableRawPointer) {
    guard pointee.reportsTexts else { return }
    if pointee.result.type == .str { free(UnsafeMutableRawPointer(bitPattern: UInt(result.bits))) }
    forEachText(in: output) { free(UnsafeMutableRawPointer(bitPattern: UInt($0))) }
  }

  /// Calls `body` with the address in each variable that holds one of a text.
  private func forEachText(in output: UnsafeMutableRawPointer, _ body: (inout UInt64) -> Void) {
    guard pointee.hasReports else { return }
    for report in pointee.plan.reports where report.type == .str {
      body(&(output + report.offset).assumingMemoryBound(to: UInt64.self).pointee)
    }
  }

  private static func copy(ofTextAt address: UInt64) -> UInt64 {
    guard let text = UnsafePointer<CChar>(bitPattern: UInt(address)) else { return 0 }
    return UInt64(UInt(bitPattern: strdup(text)))
  }
}
