/// The parameters and the result of a C function, and the sources of its arguments.
///
/// A signature cannot be checked against the function. A wrong signature is undefined behaviour, as a wrong prototype
/// is in C.
public struct CSignature: Sendable, Hashable {
  /// The most parameters of a signature.
  public static let maximumParameters = 64
  /// The most bytes that all buffers of a signature have together.
  public static let maximumBufferBytes = 1 << 20
  /// The longest text of a signature in bytes.
  public static let maximumLength = 4096
  /// The longest name of a parameter in bytes.
  public static let maximumNameLength = 64

  /// The result.
  public let result: SignatureResult
  /// The parameters in the order of C.
  public let parameters: [SignatureParameter]

  init(result: SignatureResult, parameters: [SignatureParameter]) {
    self.result = result
    self.parameters = parameters
  }

  /// Parses a signature such as `f64 (f64 x, out i32 exponent)`. Words may be separated by blanks, tabs and line ends.
  /// - Throws: the first error in the text and its position.
  public init(parsing text: String, for use: SignatureUse = .route) throws(SignatureError) {
    var parser = try SignatureParser(text, use: use)
    self = try parser.signature()
  }
}

/// The use of a signature, which decides what it may contain.
public enum SignatureUse: Sendable, Hashable {
  /// A function route: the arguments come from the request, and the results become the response.
  case route
  /// A function that runs as a job: the caller passes all arguments except the scope.
  case job
  /// A function that the host makes for others to call: they pass all arguments and get the result as it is.
  case callback
}

/// One parameter of a function.
public struct SignatureParameter: Sendable, Hashable {
  /// The type that is passed to the function. For a variable or a buffer it is `ptr`.
  public let type: CType
  /// The source of the argument.
  public let source: ArgumentSource
  /// The argument if the request does not have the name, or has null for it in JSON; nil: such a request is refused.
  /// Only for `.named`.
  public let defaultValue: ConstantArgument?

  init(_ type: CType, _ source: ArgumentSource, default defaultValue: ConstantArgument? = nil) {
    self.type = type
    self.source = source
    self.defaultValue = defaultValue
  }
}

/// The result of a function and its meaning.
public struct SignatureResult: Sendable, Hashable {
  /// The type in C.
  public let type: CType
  /// `str free`: the caller of the function releases the text with `free`.
  public let freed: Bool
  /// `status`: an `i32` that is 0 for success, else an error number.
  public let status: Bool
  /// `errno`: -1 means failure with the reason in `errno`.
  public let errno: Bool

  init(type: CType, freed: Bool = false, status: Bool = false, errno: Bool = false) {
    self.type = type
    self.freed = freed
    self.status = status
    self.errno = errno
  }
}

/// The source of an argument.
public enum ArgumentSource: Sendable, Hashable {
  /// The value of that name in the request: in the path parameters, else in the query, else in the fields of the body.
  /// For a job or a callback the name is documentation only.
  case named(String)
  /// A constant that fits the type of the parameter.
  case constant(ConstantArgument)
  /// The request's body.
  case body
  /// The number of bytes of the parameter of that name, without the NUL of a text.
  case length(of: String)
  /// The number of bytes of the body.
  case lengthOfBody
  /// The scope of the call.
  case scope
  /// The address of a zeroed variable of that type. Its value is reported under that name.
  case out(CType, String)
  /// The address of that number of zeroed bytes. They are reported under that name as text up to the first NUL.
  case buffer(Int, String)
}

/// A constant in a signature.
public enum ConstantArgument: Sendable, Hashable {
  /// A number or boolean as its bits in memory, the lowest byte first. Bits above the width of the type are zero.
  case scalar(UInt64)
  /// Text for `str` or `bytes`, without a NUL.
  case text(String)
  /// The null pointer.
  case null
}

extension CSignature: CodableByText {
  /// The signature of a route.
  public init(canonical text: String) throws { self = try CSignature(parsing: text) }

  /// The canonical text. Parsing it for the same use gives an equal signature.
  public var description: String { "\(result) \(parameterList)" }

  /// The canonical text with the name of the function, as in a call target: `f64 cos(f64 x)`.
  public func description(of symbol: String) -> String { "\(result) \(symbol)\(parameterList)" }

  private var parameterList: String {
    "(" + parameters.map(\.description).joined(separator: ", ") + ")"
  }
}

extension CallTarget: CustomStringConvertible {
  /// The canonical text. Parsing it gives an equal call target.
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
    case .named(let name): "\(type.rawValue) \(name)" + (defaultValue.map { " = \($0.text(as: type))" } ?? "")
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

/// An error in the text of a signature.
public struct SignatureError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The line in the text, from 1.
  public let line: Int
  /// The column in the line, from 1, in Unicode scalars.
  public let column: Int
  /// The error.
  public let message: String

  /// `1:19: unknown type...`. The caller puts the name of the text and a colon before it.
  public var description: String { "\(line):\(column): \(message)" }

  /// An error at a byte of the text.
  init(_ message: String, at offset: Int, of bytes: [UInt8]) {
    let before = bytes[..<offset]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    line = before.count { $0 == UInt8(ascii: "\n") } + 1
    column = String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1
    self.message = message
  }
}
