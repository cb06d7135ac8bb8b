internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CAmbit
internal import CLinux
internal import Glibc

/// A library that the system's loader has mapped for the host: dlopen(3). All calls of the loader are here.
@safe
struct LibraryHandle: Sendable {
  private let handle: Unchecked<UnsafeMutableRawPointer>

  private init(_ handle: UnsafeMutableRawPointer) { unsafe self.handle = Unchecked(handle) }

  /// Maps the library. Binds all symbols now, so that a missing symbol is known now and not at the first request. Keeps
  /// the library's symbols to itself, because a later version would be bound to those of an earlier one.
  /// - Returns: nil if the loader refuses it; `lastError` says why.
  static func open(_ path: String) -> LibraryHandle? {
    let handle = unsafe dlopen(path.systemPath, RTLD_NOW | RTLD_LOCAL)
    ForkedChild.endIfReturnedFromLoading()
    return unsafe handle.map { unsafe LibraryHandle($0) }
  }

  /// The library that the loader has already under `name`, a name or a path; nil if it has none. Call `close` later.
  static func loaded(_ name: String) -> LibraryHandle? {
    unsafe dlopen(name.systemPath, RTLD_LAZY | RTLD_NOLOAD).map { unsafe LibraryHandle($0) }
  }

  /// Lets libraries that are loaded from now on use the symbols of a library that is loaded, and keeps it loaded.
  static func expose(_ path: String) { unsafe _ = dlopen(path.systemPath, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD) }

  /// Why the loader refused the last library that this thread has asked for; nil if it gives no reason.
  static var lastError: String? { unsafe dlerror().map { unsafe String(systemPath: $0) } }

  /// Gives the library back to the loader, which unmaps it if nobody else has it. Its destructors run then.
  func close() { unsafe _ = dlclose(handle.value) }

  /// The path of the file, as the loader names it.
  var path: String? { unsafe clinux_library_path(handle.value).map { unsafe String(systemPath: $0) } }

  /// Where a part of the file is mapped.
  var address: UInt { unsafe UInt(clinux_library_address(handle.value)) }

  /// The loader's identity for the image.
  var image: UInt { unsafe UInt(bitPattern: handle.value) }

  /// The address of a symbol of the library or of those that it is linked with; 0 if there is none.
  func address(of symbol: String) -> UInt { unsafe UInt(bitPattern: dlsym(handle.value, symbol)) }

  enum Symbol {
    case function(ambit_function)
    case variable
    case none
  }

  /// What the library, or those that it is linked with, has under a name.
  func symbol(_ name: String) -> Symbol {
    guard let address = unsafe dlsym(handle.value, name) else { return .none }
    return unsafe clinux_is_variable(address) ? .variable : .function(unsafeBitCast(address, to: ambit_function.self))
  }
}

/// What the system's loader knows: dlopen(3), dladdr(3).
enum SystemLoader {
  /// A library that is loaded.
  struct Library: Sendable {
    /// The path of its file, as the loader names it.
    let path: String
    /// Where a part of its file is mapped.
    let address: UInt
  }

  /// The library that the loader has under `name`, a name or a path; nil if it has none. Loads nothing. Blocks while
  /// the loader is busy.
  static func library(_ name: String) -> Library? {
    guard let handle = LibraryHandle.loaded(name) else { return nil }
    defer { handle.close() }
    return handle.path.map { Library(path: $0, address: handle.address) }
  }

  /// The path of the library that the loader has under `name`. Blocks while the loader is busy.
  static func path(of name: String) -> String? { library(name)?.path }

  /// The path of the image that has a function, as the loader names it; empty if it has none.
  static func imagePath(of function: ambit_function) -> String {
    var place = unsafe clinux_place()
    let address = unsafe UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self))
    return unsafe clinux_find_place(address, &place) ? String(systemPath: place.file) : ""
  }

  /// The loader's identity for the image that has a function.
  static func image(of function: ambit_function) -> UInt {
    unsafe UInt(bitPattern: clinux_image_around(unsafeBitCast(function, to: UnsafeRawPointer.self)))
  }

  /// The image of the C library's mathematical functions; nil if the host has none.
  static var mathImage: UInt? {
    unsafe dlsym(UnsafeMutableRawPointer(bitPattern: 0), "cos").map { unsafe UInt(bitPattern: clinux_image_around($0)) }
  }
}
