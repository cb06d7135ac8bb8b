import AmbitSystem
import Testing

@testable import AmbitPlugins

/// Users and groups of made-up systems.
@Suite struct `Own groups` {
  typealias User = UserDatabase.User
  typealias Group = UserDatabase.Group

  private static let root = User(name: "root", identifier: 0, group: 0)
  private static let ann = User(name: "ann", identifier: 1000, group: 1000)
  private static let bob = User(name: "bob", identifier: 1001, group: 1001)

  /// Why a group of the system is not own for a host that ann runs, and a file of hers; nil if it is.
  private func objection(
    to number: UInt32, _ group: Group?, users: [User] = [root, ann, bob], listed: [User]? = nil, owner: UInt32 = 1000
  ) -> String? {
    var groups = OwnGroups(
      hostUser: 1000, user: { id in users.first { $0.identifier == id } }, group: { $0 == number ? group : nil },
      localUsers: { listed ?? users })
    return groups.objection(to: number, of: owner)?.reason
  }

  @Test func `A group is own that has the name of the user whose primary group it is`() {
    #expect(objection(to: 1000, Group(name: "ann", members: [])) == nil)
    #expect(objection(to: 1000, Group(name: "ann", members: ["ann", "root"])) == nil)
    #expect(objection(to: 1000, Group(name: "ann", members: []), listed: []) == nil, "a user of a directory service")
    #expect(objection(to: 0, Group(name: "root", members: []), owner: 0) == nil)
  }

  @Test func `A group is own that has no other member than the host's user`() {
    #expect(objection(to: 1000, Group(name: "users", members: [])) == nil)
    #expect(objection(to: 33, Group(name: "web", members: ["ann"])) == nil)
  }

  @Test func `A group with another member is not own`() {
    #expect(objection(to: 1000, Group(name: "ann", members: ["bob"])) == "bob belongs to group ann")
    let users = [Self.root, Self.ann, User(name: "bob", identifier: 1001, group: 1000)]
    #expect(objection(to: 1000, Group(name: "users", members: []), users: users) == "bob belongs to group users")
    let many = Group(name: "users", members: ["a", "b", "c", "d"])
    #expect(objection(to: 1000, many) == "a, b, c and others belong to group users")
  }

  @Test func `A group of which nobody can say who belongs to it is not own`() {
    #expect(objection(to: 1000, nil) == "the system does not know who belongs to group 1000")
    #expect(
      objection(to: 1000, Group(name: "users", members: []), listed: [Self.root])
        == "the system does not list who belongs to group users")
    #expect(
      objection(to: 33, Group(name: "web", members: [])) == "the host's user does not belong to group web",
      "a group for programs that change their group")
  }

  @Test func `A group is looked up once for a path`() {
    nonisolated(unsafe) var count = 0
    var groups = OwnGroups(
      hostUser: 1000, user: { _ in Self.ann },
      group: { _ in
        count += 1
        return Group(name: "ann", members: [])
      }, localUsers: { [] })
    for _ in 1...3 { #expect(groups.objection(to: 1000, of: 1000) == nil) }
    #expect(count == 1)
  }
}
