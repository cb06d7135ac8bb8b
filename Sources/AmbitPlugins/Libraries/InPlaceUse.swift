/// Why a library of routes is not copied, and what the loader is asked for.
package struct InPlaceUse: Hashable, Codable, Sendable {
  /// A path or a name.
  let name: String
  /// Whether the host itself uses the library; else a library that it has loaded does.
  let isHostsOwn: Bool

  init(name: String, isHostsOwn: Bool) {
    self.name = name
    self.isHostsOwn = isHostsOwn
  }

  init(name: String, loadedFrom path: String?) {
    self.init(
      name: name,
      isHostsOwn: Self.isNeverCopied(PluginFile(path: name).lastName) || path.map(Self.ofHost.contains) ?? false)
  }

  /// The paths of the libraries that the host is linked with, noted before others are loaded.
  private static let ofHost: Set<String> = LoadedImages()?.paths ?? []

  /// Notes the libraries that the host is linked with. Call it before plugins are loaded.
  package static func noteHostsOwn() { _ = ofHost }

  /// Whether a process can have a library of this name only once. Such are: the loader; the C library's family, because
  /// a copy would be a second allocator, errno and locale; the compilers' runtimes, which share unwinding, types and
  /// locks; the runtimes of Swift and of the sanitizers.
  ///
  /// The names include their versions, so an operator's own `libutil.so` is not one of them.
  static func isNeverCopied(_ name: String) -> Bool {
    single.contains(name) || prefixes.contains { name.hasPrefix($0) }
      || name.hasPrefix("libswift") && name.dropFirst(8).first.map { $0.isUppercase || $0 == "_" } == true
  }

  private static let single: Set = [
    "libc.so.6", "libm.so.6", "libmvec.so.1", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libresolv.so.2",
    "libutil.so.1", "libanl.so.1", "libnsl.so.1", "libBrokenLocale.so.1", "libthread_db.so.1", "libc_malloc_debug.so.0",
    "libgcc_s.so.1", "libstdc++.so.6", "libc++.so.1", "libc++abi.so.1", "libunwind.so.1", "libatomic.so.1",
    "libdispatch.so", "libBlocksRuntime.so",
  ]
  private static let prefixes = [
    "ld-linux", "ld64.so", "libnss_", "libFoundation", "lib_Foundation", "libclang_rt.", "libasan.so", "libtsan.so",
    "liblsan.so", "libubsan.so", "libhwasan.so",
  ]
}

/// The state of a library that is used in place.
package struct InPlaceState: Codable, Sendable, Equatable {
  /// Whether its file was replaced since it was mapped.
  package let isReplaced: Bool
  /// Whether the host itself uses the library; else a library that it has loaded does.
  let isHostsOwn: Bool
  /// Whether the process that uses it can be replaced by another one while the host runs.
  package var isOfWorker = false

  /// For the operator: why it is used in place, and when a new version takes effect.
  package var text: String {
    let owner = isHostsOwn ? "used by the host" : "already loaded for another library or plugin"
    return "\(owner); \(effect)"
  }

  private var effect: String {
    switch (isReplaced, isOfWorker) {
    case (false, false): "a new version takes effect at the next start"
    case (true, false): "its file was replaced, and the new version takes effect at the next start"
    case (false, true): "a new version takes effect at a reload, in new workers"
    case (true, true): "its file was replaced, and new workers use the new version"
    }
  }
}

extension LoadedPlugin {
  /// The state of a library that is used in place; nil if it is a copy.
  package var inPlaceState: InPlaceState? {
    guard let use = copy.inPlace else { return nil }
    let isReplaced = LoadedImages()?.hasLostFile(at: address) ?? false
    return InPlaceState(isReplaced: isReplaced, isHostsOwn: use.isHostsOwn)
  }
}
