/// Why a library of routes is not copied, and what the loader is asked for instead of a copy.
package struct InPlaceUse: Hashable, Sendable {
  /// A path or a name.
  let name: String
  /// The host itself uses the library; else something that it has loaded does.
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

  /// What the host is linked with, by path: taken down before anything else is loaded.
  private static let ofHost: Set<String> = LoadedImages()?.paths ?? []

  /// Takes down what the host is linked with. To be called before plugins are loaded.
  package static func noteHostsOwn() { _ = ofHost }

  /// Whether a library of this name is one of which a process has one only: the loader; the C library's family, whose copy
  /// would be a second allocator, errno and locale; the compilers' runtimes, which unwind each other's stacks and know
  /// each other's types and locks; the Swift runtime; and the sanitizers'.
  ///
  /// These are names with the versions that they have had for decades: an operator's own `libutil.so` is not meant.
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

/// What becomes of a library that is used in place.
package struct InPlaceState: Sendable, Equatable {
  /// Its file is another one by now.
  package let isReplaced: Bool
  /// For the operator: why it is used in place, and what that means for a new version of it.
  package let text: String
}

extension LoadedPlugin {
  /// Nil if the library is a copy.
  package var inPlaceState: InPlaceState? {
    guard let use = copy.inPlace else { return nil }
    let isReplaced = LoadedImages()?.hasLostFile(at: address) ?? false
    let new = isReplaced ? "its file was replaced, and the new version" : "a new version"
    let owner = use.isHostsOwn ? "the host's" : "loaded already for another library or plugin"
    return InPlaceState(isReplaced: isReplaced, text: "\(owner); \(new) takes effect at the next start")
  }
}
