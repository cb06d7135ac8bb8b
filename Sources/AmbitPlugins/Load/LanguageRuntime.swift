internal import AmbitRuntime
internal import AmbitSystem
internal import Glibc

/// A language whose code may run on threads only, because its runtime knows the stack of each thread.
enum LanguageRuntime: CaseIterable {
  case go, python

  /// A function that each library with the runtime exports.
  private var symbol: String {
    switch self {
    case .go: "_cgo_topofstack"
    case .python: "Py_IsInitialized"
    }
  }

  private var name: String {
    switch self {
    case .go: "Go"
    case .python: "Python"
    }
  }

  /// The file that has the runtime, if `library` is it or is linked with it, as the loader names it; else nil.
  private func image(for library: LibraryHandle) -> String? {
    guard case .function(let function) = library.symbol(symbol) else { return nil }
    return SystemLoader.imagePath(of: function)
  }

  /// The runtimes of `library` that may be called on threads only, a warning for each. For a plugin with handlers that
  /// do not run on threads.
  static func warnings(about library: LibraryHandle) -> [String] {
    allCases.compactMap { runtime in
      runtime.image(for: library).map { image in
        """
        it is linked with \(runtime.name) (\(image.split(separator: "/").last ?? "")) and does not declare \
        AMBIT_PLUGIN_THREADS: call \(runtime.name) on threads only (AMBIT_ROUTE_BLOCKING, AMBIT_JOB_THREAD, \
        ambit_block), not in other handlers and jobs
        """
      }
    }
  }

  /// Lets all libraries that are loaded from now on use the symbols of the Python that `library` is linked with. Modules
  /// of Python in C are not linked with libpython: they expect that the program itself is Python.
  static func exposePython(of library: LibraryHandle, at path: String) {
    guard let image = python.image(for: library), image != path else { return }
    LibraryHandle.expose(image)
  }
}
