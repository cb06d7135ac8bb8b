internal import AmbitCore
internal import AmbitFFI
internal import AmbitRuntime
internal import CAmbit

/// The C function that a function route calls, prepared when the route is made: when a request comes, only fields of the
/// query and the body are looked for by name. It lives as long as its route.
struct FunctionRoute {
  let function: CFunction
  let interface: CallInterface
  let plan: ArgumentPlan
  /// The plan's steps in a form that costs nothing to read, in the order of C.
  let steps: UnsafeBufferPointer<FunctionRouteStep>
  /// The plan looks for fields.
  let hasFields: Bool
  /// The function reports variables or buffers besides its result.
  let hasReports: Bool
  /// Its result or one of these variables is a text.
  let reportsTexts: Bool
  let result: SignatureResult
  /// In which calls from a thread have their turns; nil: they run beside all others.
  let lane: SerialLane?
  /// The `Content-Type` of answers that are no JSON.
  let contentType: ambit_str
  /// For each report of the plan its name and colon, as a JSON object has them.
  let reportKeys: [ambit_str]
  /// What constants of the signature point to.
  fileprivate let texts: [ambit_str]
}

typealias FunctionRoutePointer = UnsafePointer<FunctionRoute>

/// What makes one argument of a function route's function.
struct FunctionRouteStep {
  let type: CType
  let source: Source

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
  /// Prepares the calls of `function`, whose signature was parsed for routes, on a route whose pattern has
  /// `pathParameters`. With a `lane` the function runs on threads alone, when it has its turn there.
  static func make(
    _ function: @escaping CFunction, _ signature: CSignature, pathParameters: [String], contentType: String? = nil,
    lane: SerialLane? = nil
  ) -> FunctionRoutePointer {
    let plan = ArgumentPlan(signature, pathParameters: pathParameters)
    let steps = UnsafeMutableBufferPointer<FunctionRouteStep>.allocate(capacity: plan.steps.count)
    var texts: [ambit_str] = []
    _ = steps.initialize(
      from: zip(plan.parameters, plan.steps).map { FunctionRouteStep(type: $0.type, source: .init($1, &texts)) })
    let call = UnsafeMutablePointer<FunctionRoute>.allocate(capacity: 1)
    call.initialize(
      to: FunctionRoute(
        function: function, interface: CallInterface(signature), plan: plan, steps: UnsafeBufferPointer(steps),
        hasFields: !plan.fields.isEmpty, hasReports: !plan.reports.isEmpty,
        reportsTexts: signature.result.type == .str || plan.reports.contains { $0.type == .str },
        result: signature.result, lane: lane,
        contentType: .immortalCopy(contentType ?? "text/plain"),
        // A name is letters, digits and underscores.
        reportKeys: plan.reports.map { .immortalCopy("\"\($0.name)\":") }, texts: texts))
    return FunctionRoutePointer(call)
  }
}

extension FunctionRoutePointer {
  /// Gives its memory back: no request makes the call any more.
  func release() {
    pointee.interface.release()
    pointee.steps.deallocate()
    for text in pointee.texts + pointee.reportKeys + [pointee.contentType] { text.ptr?.deallocate() }
    let record = UnsafeMutablePointer(mutating: self)
    record.deinitialize(count: 1)
    record.deallocate()
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
