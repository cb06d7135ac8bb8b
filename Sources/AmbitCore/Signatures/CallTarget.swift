/// A function of a library with its signature: `libm.so.6: f64 cos(f64 x)`.
public struct CallTarget: Sendable, Hashable {
  /// The library or plugin that has the function.
  public let provider: CallProvider
  /// The function's name in the library's symbol table.
  public let symbol: String
  /// The signature of the function.
  public let signature: CSignature

  /// Parses `LIBRARY: RET SYMBOL(TYPE source, ...)` for a route. LIBRARY is a path if it contains a slash, the name of
  /// a plugin if it has the form of one, else a name that the loader searches for.
  /// - Throws: the first error in the text and its position.
  public init(parsing text: String) throws(SignatureError) {
    var parser = try SignatureParser(text, use: .route)
    provider = try parser.provider()
    (symbol, signature) = try parser.function()
  }
}

/// The library or plugin of a call target.
public enum CallProvider: Sendable, Hashable {
  /// A shared library, by its path or by a name such as `libm.so.6` that the loader searches for.
  case shared(String)
  /// The loaded plugin of that name.
  case plugin(String)

  /// The text before the colon of a call target.
  public var name: String {
    switch self {
    case .shared(let name), .plugin(let name): name
    }
  }
}

/// The functions of system libraries that are known to be thread-safe.
///
/// These are the functions of libm, which compute and keep no state between calls. Exceptions are the functions that
/// change the floating-point environment of their thread, fenv(3), and those that store a sign in a variable,
/// lgamma(3).
public enum ThreadSafeFunctions {
  /// Whether the function `symbol` in the library of this name or path is known to be thread-safe. The library need not
  /// contain the function.
  public static func contain(_ symbol: String, of library: String) -> Bool {
    let name = library.split(separator: "/").last.map(String.init) ?? library
    guard name == "libm.so.6" else { return false }
    if symbol.hasPrefix("fe") || symbol.hasPrefix("_") || symbol.hasPrefix("gamma") { return false }
    return !symbol.hasPrefix("lgamma") || symbol.contains("_r")
  }
}
