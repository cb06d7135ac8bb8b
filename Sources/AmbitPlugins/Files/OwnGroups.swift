internal import AmbitSystem
internal import Glibc

/// Which groups are the own groups of trusted users. Where each user has a group, as on Debian and Fedora, the umask is
/// often 002, and all files of a user can be written by a group that has no other member.
///
/// A group is own if root, the host's user or the owner of the file belongs to it, and nobody else. If it has the name
/// of a user whose primary group it is, only the members that it lists count: all users would have to be read to find
/// others whose primary group it is. A group that the system does not know is not own: nobody can say who belongs to it.
struct OwnGroups {
  /// A group that is not own.
  struct Foreign {
    /// Its name, or its number if it has none.
    let group: String
    /// Why it is not own, for the end of a sentence.
    let reason: String
  }

  private struct Key: Hashable {
    let group: UInt32
    let owner: UInt32
  }

  /// Lookups may ask a server, so each group is looked up once.
  private var known: [Key: Foreign?] = [:]
  private let hostUser: UInt32
  private let userRecord: (UInt32) -> UserDatabase.User?
  private let groupRecord: (UInt32) -> UserDatabase.Group?
  private let localUsers: () -> [UserDatabase.User]

  init(
    hostUser: UInt32 = geteuid(), user: @escaping (UInt32) -> UserDatabase.User? = UserDatabase.user,
    group: @escaping (UInt32) -> UserDatabase.Group? = UserDatabase.group,
    localUsers: @escaping () -> [UserDatabase.User] = { UserDatabase.localUsers }
  ) {
    (self.hostUser, userRecord, groupRecord, self.localUsers) = (hostUser, user, group, localUsers)
  }

  /// Why members of the group could change a file of `owner`, who is trusted; nil if the group is own.
  mutating func objection(to group: UInt32, of owner: UInt32) -> Foreign? {
    let key = Key(group: group, owner: owner)
    if let answer = known[key] { return answer }
    let answer = lookUp(group, owner)
    known[key] = .some(answer)
    return answer
  }

  private func lookUp(_ number: UInt32, _ owner: UInt32) -> Foreign? {
    guard let group = groupRecord(number) else {
      return Foreign(group: "\(number)", reason: "the system does not know who belongs to group \(number)")
    }
    let trusted = Set([0, hostUser, owner]).compactMap(userRecord)
    let strangers = group.members.filter { name in name != "root" && !trusted.contains { $0.name == name } }
    guard strangers.isEmpty else { return Foreign(group: group.name, reason: Self.belong(strangers, to: group)) }
    if trusted.contains(where: { $0.group == number && $0.name == group.name }) { return nil }
    guard
      let member = trusted.first(where: { $0.group == number || group.members.contains($0.name) })
    else { return Foreign(group: group.name, reason: "the host's user does not belong to group \(group.name)") }
    let local = localUsers()
    // The users of a directory service are not listed, and others of them may have the same primary group.
    guard local.contains(where: { $0.identifier == member.identifier }) else {
      return Foreign(group: group.name, reason: "the system does not list who belongs to group \(group.name)")
    }
    let others = local.filter { $0.group == number && ![0, hostUser, owner].contains($0.identifier) }.map(\.name)
    return others.isEmpty ? nil : Foreign(group: group.name, reason: Self.belong(others, to: group))
  }

  private static func belong(_ names: [String], to group: UserDatabase.Group) -> String {
    let shown = names.prefix(3).joined(separator: ", ") + (names.count > 3 ? " and others" : "")
    return "\(shown) \(names.count == 1 ? "belongs" : "belong") to group \(group.name)"
  }
}
