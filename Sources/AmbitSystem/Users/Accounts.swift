internal import Glibc

/// The users and groups of this system. Its functions may read files, or ask a directory service, and are for any
/// thread.
package enum Accounts {
  /// The number of a user, given by name or number: getpwnam_r(3). nil if there is no such user.
  package static func user(_ name: String) -> UInt32? {
    number(name)
      ?? lookUp { memory in
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        let code = unsafe getpwnam_r(name, &entry, &memory, memory.count, &found)
        return (code, unsafe found != nil ? entry.pw_uid : nil)
      }
  }

  /// The number of a group, given by name or number: getgrnam_r(3). nil if there is no such group.
  package static func group(_ name: String) -> UInt32? {
    number(name)
      ?? lookUp { memory in
        var entry = unsafe Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        let code = unsafe getgrnam_r(name, &entry, &memory, memory.count, &found)
        return (code, unsafe found != nil ? entry.gr_gid : nil)
      }
  }

  /// Calls `body` with more and more memory, up to 16 MiB, while it returns ERANGE: a group may have many members.
  private static func lookUp(_ body: (inout [CChar]) -> (code: Int32, number: UInt32?)) -> UInt32? {
    var size = 4096
    while true {
      var memory = [CChar](repeating: 0, count: size)
      let (code, number) = body(&memory)
      guard code == ERANGE, size < 16 << 20 else { return number }
      size *= 4
    }
  }

  /// A number need not be that of an account. The largest one means "unchanged" to chown(2).
  private static func number(_ text: String) -> UInt32? {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return UInt32(text).flatMap { $0 == .max ? nil : $0 }
  }
}
