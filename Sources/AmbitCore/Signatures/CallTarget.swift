/// A function of a library, found by its name, with its signature: `libm.so.6: f64 cos(f64 x)`.
public struct CallTarget: Sendable, Hashable {
  /// Whose function it is.
  public let provider: CallProvider
  /// The function's name in the library's symbol table.
  public let symbol: String
  /// What the function takes and returns.
  public let signature: CSignature

  /// Parses `LIBRARY: RET SYMBOL(TYPE source, ...)` for a route. What stands before the colon is a path if there is a
  /// slash in it, a plugin's name if it can be one, and else a name for the loader to search.
  /// - Throws: what is wrong with the text and where; the first fault only.
  public init(parsing text: String) throws(SignatureError) {
    var parser = try SignatureParser(text, use: .route)
    provider = try parser.provider()
    (symbol, signature) = try parser.function()
  }
}

/// Where the function of a call target is.
public enum CallProvider: Sendable, Hashable {
  /// A shared library, by its path or by a name such as `libm.so.6` that the loader searches for.
  case shared(String)
  /// The loaded plugin of that name.
  case plugin(String)

  /// What a call target writes before its colon.
  public var name: String {
    switch self {
    case .shared(let name), .plugin(let name): name
    }
  }
}

/// The functions of system libraries of which the host knows that several threads may call them at once.
///
/// It knows only those of the C library's mathematics: they compute, and keep nothing between two calls. Exceptions are
/// those that change how their thread computes, fenv(3), and those that leave a sign in a variable, lgamma(3).
public enum ThreadSafeFunctions {
  /// Whether the host knows it of the function `symbol` in a library of this name or path. Whether the function is in
  /// that library is for the loader to find out.
  public static func contain(_ symbol: String, of library: String) -> Bool {
    let name = library.split(separator: "/").last.map(String.init) ?? library
    guard name == "libm.so.6" else { return false }
    if symbol.hasPrefix("fe") || symbol.hasPrefix("_") || symbol.hasPrefix("gamma") { return false }
    return !symbol.hasPrefix("lgamma") || symbol.contains("_r")
  }
}
