extension CSignature: CustomStringConvertible {
  /// The signature in its one canonical form; parsing it for the same use gives an equal one.
  public var description: String { "\(result) \(parameterList)" }

  /// The same with the function's name, as a call target writes it: `f64 cos(f64 x)`.
  public func description(of symbol: String) -> String { "\(result) \(symbol)\(parameterList)" }

  private var parameterList: String {
    "(" + parameters.map(\.description).joined(separator: ", ") + ")"
  }
}

extension CallTarget: CustomStringConvertible {
  /// The call in its one canonical form; parsing it gives an equal one.
  public var description: String { "\(provider.name): \(signature.description(of: symbol))" }
}

extension SignatureResult: CustomStringConvertible {
  /// The words before the parameters.
  public var description: String {
    if status { return "status" }
    return type.rawValue + (freed ? " free" : "") + (errno ? " errno" : "")
  }
}

extension SignatureParameter: CustomStringConvertible {
  /// The parameter as a signature writes it.
  public var description: String {
    switch source {
    case .named(let name): "\(type.rawValue) \(name)"
    case .constant(let constant): "\(type.rawValue) \(constant.text(as: type))"
    case .body: "\(type.rawValue) body"
    case .length(let name): "\(type.rawValue) len(\(name))"
    case .lengthOfBody: "\(type.rawValue) len(body)"
    case .scope: "scope"
    case .out(let type, let name): "out \(type.rawValue) \(name)"
    case .buffer(let count, let name): "buffer(\(count)) \(name)"
    }
  }
}

extension ConstantArgument {
  fileprivate func text(as type: CType) -> String {
    switch self {
    case .null: return "null"
    case .scalar(let bits): return ScalarText(bits, as: type).description
    case .text(let text):
      return text.unicodeScalars.reduce(into: "\"") { shown, scalar in
        switch scalar {
        case "\"", "\\": shown += "\\\(scalar)"
        case "\n": shown += "\\n"
        case "\r": shown += "\\r"
        case "\t": shown += "\\t"
        default: shown.unicodeScalars.append(scalar)
        }
      } + "\""
    }
  }
}
