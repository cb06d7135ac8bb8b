/// Static thread-local storage: thread-local variables at fixed offsets from the thread's own address, which code built
/// for the TLS model initial-exec uses. The system's loader keeps a little room for such variables of libraries that are
/// loaded after the start of the process, and libraries that stay loaded do not give theirs back.
public enum StaticTLS {
  /// The bytes of glibc's room, unless the operator has changed `glibc.rtld.optional_static_tls`.
  public static let usualRoom = 1664

  /// The part of the room that the tunable sets, by default.
  private static let usualOptional = 512

  /// Up to so many bytes a library is reloaded so often before the room is used up that its author need not change it.
  /// Each library in Go has 8.
  public static let small = 64

  /// How the author avoids it.
  public static let advice = "compile it with -fPIC and without -ftls-model=initial-exec or local-exec"

  /// The bytes of the room for a process with `tunables` in GLIBC_TUNABLES.
  public static func room(tunables: String?) -> Int {
    let name = "glibc.rtld.optional_static_tls="
    let setting = tunables?.split(separator: ":").last { $0.hasPrefix(name) }
    guard let setting, let optional = Int(setting.dropFirst(name.count)), optional >= 0 else { return usualRoom }
    return usualRoom - usualOptional + optional
  }

  /// Why the loader has no room for a library, and what to do.
  /// - Parameters:
  ///   - size: the bytes that the library needs; 0 if another that it is linked with needs them.
  ///   - room: the bytes that the loader has for all libraries.
  ///   - taken: the bytes that libraries have taken before.
  public static func shortage(of size: Int, room: Int, taken: Int) -> String {
    let need = size > 0 ? "it needs \(size.pluralized("byte"))" : "a library that it is linked with needs more"
    let more = "start the host with more room, such as GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384"
    guard taken > 0 else {
      return "\(need), and the system's loader has about \(room) for all libraries; \(advice), or \(more)"
    }
    return
      "\(need), and of about \(room) that the system's loader has for all libraries, those that were loaded before "
      + "have taken \(taken) and do not give them back; restart the host, or \(more)"
  }
}
