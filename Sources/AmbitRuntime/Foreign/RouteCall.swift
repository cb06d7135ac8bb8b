public import AmbitCore
public import AmbitFFI
public import CAmbit

/// The C function that a typed route calls, prepared when the route is made: when a request comes, only fields of the
/// query and the body are looked for by name. It lives as long as its route.
public struct RouteCall {
  public let function: CFunction
  public let interface: CallInterface
  public let plan: ArgumentPlan
  /// The plan's steps in a form that costs nothing to read, in the order of C.
  public let steps: UnsafeBufferPointer<RouteCallStep>
  /// The plan looks for fields.
  public let hasFields: Bool
  /// The function reports variables or buffers besides its result.
  public let hasReports: Bool
  /// Its result or one of these variables is a text.
  public let reportsTexts: Bool
  public let result: SignatureResult
  /// In which calls from a thread have their turns; nil: they run beside all others.
  public let lane: SerialLane?
  /// The `Content-Type` of answers that are no JSON.
  public let contentType: ambit_str
  /// For each report of the plan its name and colon, as a JSON object has them.
  public let reportKeys: [ambit_str]
  /// What constants of the signature point to.
  fileprivate let texts: [ambit_str]
}

public typealias RouteCallPointer = UnsafePointer<RouteCall>

/// What makes one argument of a typed route's function.
public struct RouteCallStep {
  public let type: CType
  public let source: Source

  /// As `ArgumentPlan.Step`; a text is the address of one that lives as long as the call.
  public enum Source {
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

extension RouteCall {
  /// Prepares the calls of `function`, whose signature was parsed for routes, on a route whose pattern has
  /// `pathParameters`. With a `lane` the function runs on threads alone, when it has its turn there.
  public static func make(
    _ function: @escaping CFunction, _ signature: CSignature, pathParameters: [String], contentType: String? = nil,
    lane: SerialLane? = nil
  ) -> RouteCallPointer {
    let plan = ArgumentPlan(signature, pathParameters: pathParameters)
    let steps = UnsafeMutableBufferPointer<RouteCallStep>.allocate(capacity: plan.steps.count)
    var texts: [ambit_str] = []
    _ = steps.initialize(
      from: zip(plan.parameters, plan.steps).map { RouteCallStep(type: $0.type, source: .init($1, &texts)) })
    let call = UnsafeMutablePointer<RouteCall>.allocate(capacity: 1)
    call.initialize(
      to: RouteCall(
        function: function, interface: CallInterface(signature), plan: plan, steps: UnsafeBufferPointer(steps),
        hasFields: !plan.fields.isEmpty, hasReports: !plan.reports.isEmpty,
        reportsTexts: signature.result.type == .str || plan.reports.contains { $0.type == .str },
        result: signature.result, lane: lane,
        contentType: .immortalCopy(contentType ?? "text/plain"),
        // A name is letters, digits and underscores.
        reportKeys: plan.reports.map { .immortalCopy("\"\($0.name)\":") }, texts: texts))
    return RouteCallPointer(call)
  }
}

extension RouteCallPointer {
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

extension RouteCallStep.Source {
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
