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
