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
