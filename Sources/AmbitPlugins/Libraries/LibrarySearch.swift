internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import CLinux
internal import Glibc

/// Finds the file of a library by its name, as the system's loader does, without loading it: ld.so(8).
///
/// Like the loader it searches the program's RPATH, LD_LIBRARY_PATH, the program's RUNPATH, ld.so.cache and the
/// system's folders, in this order, and skips files for other machines. Unlike the loader it never chooses a variant
/// for newer processors (glibc-hwcaps).
struct LibrarySearch {
  private let own: [String]
  private let cache: LoaderCache
  private let system: [String]

  /// Reads the loader's search path. Blocks, also while the loader is busy.
  init() {
    let folders = Self.folders
    let systemCount = folders.reversed().prefix { Self.isSystemFolder($0) }.count
    own = Array(folders.dropLast(systemCount))
    system = folders.suffix(systemCount)
    cache = Self.readCache()
  }

  /// The file of the library called `name`; nil if the loader would find none.
  func file(of name: String) -> String? {
    first(name, in: own) ?? cache.path(of: name).flatMap { Self.isForThisMachine($0) ? $0 : nil }
      ?? first(name, in: system)
  }

  /// A library that the system has under the same name with another version; nil if there is none.
  func otherVersion(of name: String) -> String? { cache.versions(of: name).last }

  private func first(_ name: String, in folders: [String]) -> String? {
    folders.lazy.map { Self.file(name, in: $0) }.first(where: Self.isForThisMachine)
  }

  /// A file in a folder of a search path. An empty or relative folder is one of the folder where the host was started.
  private static func file(_ name: String, in folder: some StringProtocol) -> String {
    Paths.absolute(folder.isEmpty ? name : "\(folder)/\(name)")
  }

  /// Whether the loader's search would end at this file. A file that is no library, or is cut short, ends it with an
  /// error.
  static func isForThisMachine(_ path: String) -> Bool {
    guard let file = try? OpenFile(reading: path), (try? file.status())?.kind == .file else { return false }
    guard let head = try? file.readHead(upTo: 20), head.count == 20, head.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
      return true
    }
    return head[4] == 2 && UInt16(head[18]) | UInt16(head[19]) << 8 == ELF.Machine.host.rawValue
  }

  /// Whether the loader searches `folder` for every library.
  static func isSystemFolder(_ folder: String) -> Bool {
    let name = folder.hasPrefix("/usr/") ? folder.dropFirst(4) : folder[...]
    return ["/lib", "/lib64"].contains(name) || name.hasPrefix("/lib/") && name.hasSuffix("-linux-gnu")
  }

  /// Whether a folder of LD_LIBRARY_PATH has a library of this name.
  static func isInEnvironment(_ name: String) -> Bool {
    let folders = HostProcess.variable("LD_LIBRARY_PATH")?.split(
      omittingEmptySubsequences: false, whereSeparator: { $0 == ":" || $0 == ";" })
    return (folders ?? []).contains { isForThisMachine(file(name, in: $0)) }
  }

  /// A folder of a RUNPATH with the tokens of ld.so(8) expanded. `origin` is the folder of the library.
  static func expand(_ folder: String, origin: String) -> String {
    #if arch(x86_64)
      let processor = "x86_64"
    #else
      let processor = "aarch64"
    #endif
    let library = "lib/\(processor)-linux-gnu"
    let isOfDebian = Paths.exists("/\(library)")
    let values = [("ORIGIN", origin), ("LIB", isOfDebian ? library : "lib64"), ("PLATFORM", processor)]
    return values.reduce(folder) { text, token in
      text.replacing("${\(token.0)}", with: token.1).replacing("$\(token.0)", with: token.1)
    }
  }

  private static var folders: [String] {
    final class List { var folders: [String] = [] }
    let list = List()
    unsafe clinux_each_search_folder(
      { folder, context in
        guard let folder = unsafe folder, let context = unsafe context else { return }
        unsafe Unmanaged<List>.fromOpaque(context).takeUnretainedValue().folders.append(String(systemPath: folder))
      }, unsafe Unmanaged.passUnretained(list).toOpaque())
    return withExtendedLifetime(list) { list.folders }
  }

  private static func readCache() -> LoaderCache {
    let bytes = (try? OpenFile(reading: "/etc/ld.so.cache").readHead(upTo: 64 << 20)) ?? []
    return LoaderCache(bytes.span)
  }
}
