/// What a C function takes and returns, and where a call gets the arguments from.
///
/// A signature says nothing that could be checked against the function: one that does not fit makes a call undefined
/// behaviour, as a wrong declaration in C does.
public struct CSignature: Sendable, Hashable {
  /// The most parameters that a signature may have.
  public static let maximumParameters = 64
  /// The most bytes that all buffers of a signature may have together.
  public static let maximumBufferBytes = 1 << 20
  /// The longest text that is read as a signature, in bytes.
  public static let maximumLength = 4096
  /// The longest name of a parameter, in bytes.
  public static let maximumNameLength = 64

  /// What it returns.
  public let result: SignatureResult
  /// What it takes, in the order of C.
  public let parameters: [SignatureParameter]

  init(result: SignatureResult, parameters: [SignatureParameter]) {
    self.result = result
    self.parameters = parameters
  }

  /// Parses a signature such as `f64 (f64 x, out i32 exponent)`. Blanks, tabs and line ends may stand between words.
  /// - Throws: what is wrong with the text and where; the first fault only.
  public init(parsing text: String, for use: SignatureUse = .route) throws(SignatureError) {
    var parser = try SignatureParser(text, use: use)
    self = try parser.signature()
  }
}

/// What a signature is for, which decides what it may ask for.
public enum SignatureUse: Sendable, Hashable {
  /// A request's handler: arguments come from the request, and what the function reports is the answer.
  case route
  /// A function that runs as a job: the caller passes every argument but the scope.
  case job
  /// A function that is made for others to call: they pass every argument, and get the result as it is.
  case callback
}

/// One parameter of a function.
public struct SignatureParameter: Sendable, Hashable {
  /// What is passed to the function: `ptr` for a variable or a buffer.
  public let type: CType
  /// Where it comes from.
  public let source: ArgumentSource

  init(_ type: CType, _ source: ArgumentSource) {
    self.type = type
    self.source = source
  }
}

/// What a function returns, and what that means.
public struct SignatureResult: Sendable, Hashable {
  /// The type in C.
  public let type: CType
  /// `str free`: whoever calls the function releases the text with `free`.
  public let freed: Bool
  /// `status`: an `i32` that is 0 for success and otherwise the number of an error.
  public let status: Bool
  /// `errno`: -1 means that `errno` says what went wrong.
  public let errno: Bool

  init(type: CType, freed: Bool = false, status: Bool = false, errno: Bool = false) {
    self.type = type
    self.freed = freed
    self.status = status
    self.errno = errno
  }
}

/// Where the value of a parameter comes from.
public enum ArgumentSource: Sendable, Hashable {
  /// From the request, by its name: the path parameters, then the query, then the fields of the body. For a job or a
  /// callback the name only documents what the caller passes.
  case named(String)
  /// Always the same value, which fits the parameter's type.
  case constant(ConstantArgument)
  /// The whole body of the request.
  case body
  /// How many bytes the parameter of that name has, a text's NUL not counted.
  case length(of: String)
  /// How many bytes the body has.
  case lengthOfBody
  /// The scope that the call is made in.
  case scope
  /// The address of a zeroed variable of that type, whose value is reported under that name.
  case out(CType, String)
  /// The address of so many zeroed bytes, which are reported under that name as text up to the first NUL.
  case buffer(Int, String)
}

/// A value that a signature spells out.
public enum ConstantArgument: Sendable, Hashable {
  /// A number or boolean as its bits in memory, the lowest byte first; those above the type's width are zero.
  case scalar(UInt64)
  /// Text for `str` or `bytes`, without a NUL.
  case text(String)
  /// The null pointer.
  case null
}

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

/// Why a text is not a signature, or asks for something that cannot be.
public struct SignatureError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The line in the text, from 1.
  public let line: Int
  /// The place in the line, from 1, in Unicode scalars.
  public let column: Int
  /// What is wrong there.
  public let message: String

  /// `1:19: unknown type...`: to be put behind the name of what holds the text and a colon.
  public var description: String { "\(line):\(column): \(message)" }

  /// A fault at a byte of a text.
  init(_ message: String, at offset: Int, of bytes: [UInt8]) {
    let before = bytes[..<offset]
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    line = before.count { $0 == UInt8(ascii: "\n") } + 1
    column = String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1
    self.message = message
  }
}
