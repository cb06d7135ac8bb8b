/// The steps that make the arguments of a function route from a request. The plan is made once for each route.
public struct ArgumentPlan: Sendable {
  /// A step that makes one argument.
  public enum Step: Sendable, Hashable {
    /// These bits, the lowest byte first; 0 for a null pointer.
    case constant(UInt64)
    /// The address of this text, which a NUL follows.
    case text(String)
    /// The path parameter of that index in the route's pattern.
    case path(Int)
    /// The value that `FieldLookup` finds for the parameter.
    case field
    /// The address of the body. For `str` a NUL follows it.
    case body
    /// The number of bytes of the parameter of that index.
    case length(of: Int)
    /// The number of bytes of the body.
    case lengthOfBody
    /// The scope of the request.
    case scope
    /// The address of the byte at that offset in the output memory.
    case output(Int)
  }

  /// A variable or buffer that the response reports.
  public struct Report: Sendable, Hashable {
    /// The name in the response.
    public let name: String
    /// The type of a variable; nil for a buffer, which holds text up to its first NUL.
    public let type: CType?
    /// The offset in the output memory.
    public let offset: Int
    /// The size in bytes.
    public let byteCount: Int
  }

  /// The parameters of the function, for their types and for messages.
  public let parameters: [SignatureParameter]
  /// One step for each parameter, in the order of C.
  public let steps: [Step]
  /// The variables and buffers in the order of the parameters.
  public let reports: [Report]
  /// The number of zeroed bytes, aligned to 8, that the variables and buffers of one call need.
  public let outputByteCount: Int
  /// Whether the call needs the body even if the query has all fields.
  public let readsBody: Bool
  /// The lookup of the fields.
  public let fields: FieldLookup

  /// Makes the plan for the function of a route.
  /// - Parameter pathParameters: the names in the route's pattern in their order.
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
      // The parser has checked that there is such a parameter.
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
  /// The name of the parameter in the request or response; nil if it is in neither.
  public var name: String? {
    switch source {
    case .named(let name), .out(_, let name), .buffer(_, let name): name
    default: nil
    }
  }
}

/// Assigns each variable and buffer its offset in the output memory.
private struct OutputLayout {
  private(set) var reports: [ArgumentPlan.Report] = []
  private(set) var byteCount = 0

  /// Adds a variable or buffer and returns its offset, a multiple of 8.
  mutating func add(_ name: String, type: CType?, byteCount count: Int) -> Int {
    let offset = byteCount
    reports.append(ArgumentPlan.Report(name: name, type: type, offset: offset, byteCount: count))
    byteCount = (offset + count + 7) & ~7
    return offset
  }
}
