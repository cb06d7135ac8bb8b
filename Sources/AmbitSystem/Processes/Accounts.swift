internal import Glibc

/// The users and groups of this system.
package enum Accounts {
  /// The number of a user, given by name or number: getpwnam(3). nil if there is no such user. Not for several threads
  /// at once.
  package static func user(_ name: String) -> UInt32? {
    unsafe number(name) ?? getpwnam(name).map { unsafe $0.pointee.pw_uid }
  }

  /// The number of a group, given by name or number: getgrnam(3). nil if there is no such group. Not for several
  /// threads at once.
  package static func group(_ name: String) -> UInt32? {
    unsafe number(name) ?? getgrnam(name).map { unsafe $0.pointee.gr_gid }
  }

  /// A number need not be that of an account. The largest one means "unchanged" to chown(2).
  private static func number(_ text: String) -> UInt32? {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return UInt32(text).flatMap { $0 == .max ? nil : $0 }
  }
}
