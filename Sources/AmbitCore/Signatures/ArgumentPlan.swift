/// How the arguments of a typed route are made from its request, worked out once.
public struct ArgumentPlan: Sendable {
  /// What makes one argument.
  public enum Step: Sendable, Hashable {
    /// These bits, the lowest byte first; null for a pointer.
    case constant(UInt64)
    /// The address of this text, a NUL behind it.
    case text(String)
    /// The path parameter of that place in the route's pattern.
    case path(Int)
    /// The value that `FieldLookup` finds for the parameter.
    case field
    /// The address of the body, for `str` with a NUL behind it.
    case body
    /// How many bytes the text or bytes of the parameter of that place have.
    case length(of: Int)
    /// How many bytes the body has.
    case lengthOfBody
    /// The scope of the request.
    case scope
    /// The address of that byte of the output memory.
    case output(Int)
  }

  /// A variable or buffer whose content is reported.
  public struct Report: Sendable, Hashable {
    /// What it is called in the answer.
    public let name: String
    /// The variable's type; nil for a buffer, which holds text up to its first NUL.
    public let type: CType?
    /// Where it begins in the output memory.
    public let offset: Int
    /// How many bytes it has.
    public let byteCount: Int
  }

  /// The function's parameters, for their types and for messages.
  public let parameters: [SignatureParameter]
  /// One step for each parameter, in the order of C.
  public let steps: [Step]
  /// Variables and buffers in the order of the parameters.
  public let reports: [Report]
  /// How many zeroed bytes, aligned to 8, the variables and buffers of one call need.
  public let outputByteCount: Int
  /// Whether the call needs the body, whatever is found in the query.
  public let readsBody: Bool
  /// Where to look for the fields.
  public let fields: FieldLookup

  /// The plan for a function behind a route.
  /// - Parameter pathParameters: the names in the route's pattern, in its order.
  public init(_ signature: CSignature, pathParameters: [String]) {
    parameters = signature.parameters
    var output = OutputLayout()
    steps = parameters.map { Self.step(of: $0, among: signature.parameters, pathParameters, &output) }
    reports = output.reports
    outputByteCount = output.byteCount
    readsBody = steps.contains(.body) || steps.contains(.lengthOfBody)
    fields = FieldLookup(zip(parameters, steps).map { parameter, step in step == .field ? parameter.name : nil })
  }

  private static func step(
    of parameter: SignatureParameter, among parameters: [SignatureParameter], _ path: [String],
    _ output: inout OutputLayout
  ) -> Step {
    switch parameter.source {
    case .constant(.scalar(let bits)): return .constant(bits)
    case .constant(.text(let text)): return .text(text)
    case .constant(.null): return .constant(0)
    case .named(let name): return path.firstIndex(of: name).map(Step.path) ?? .field
    case .body: return .body
    case .lengthOfBody: return .lengthOfBody
    case .length(let name):
      // The parser has seen to it that the parameter is there.
      let index = parameters.firstIndex { $0.name == name } ?? 0
      if case .buffer(let count, _) = parameters[index].source { return .constant(UInt64(count)) }
      return .length(of: index)
    case .scope: return .scope
    case .out(let type, let name): return .output(output.add(name, type: type, byteCount: type.byteCount))
    case .buffer(let count, let name): return .output(output.add(name, type: nil, byteCount: count))
    }
  }
}

extension SignatureParameter {
  /// What the parameter is called in the request or in the answer; nil if it is in neither.
  public var name: String? {
    switch source {
    case .named(let name), .out(_, let name), .buffer(_, let name): name
    default: nil
    }
  }
}

/// Gives each variable and buffer its place in the output memory.
private struct OutputLayout {
  private(set) var reports: [ArgumentPlan.Report] = []
  private(set) var byteCount = 0

  /// Adds one and returns where it begins, a multiple of 8.
  mutating func add(_ name: String, type: CType?, byteCount count: Int) -> Int {
    let offset = byteCount
    reports.append(ArgumentPlan.Report(name: name, type: type, offset: offset, byteCount: count))
    byteCount = (offset + count + 7) & ~7
    return offset
  }
}
