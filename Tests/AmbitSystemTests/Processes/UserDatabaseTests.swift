import AmbitSystem
import Glibc
import Testing

@Suite struct `The user database` {
  @Test func `Root is known by name and group`() {
    #expect(UserDatabase.user(0) == UserDatabase.User(name: "root", identifier: 0, group: 0))
    #expect(UserDatabase.group(0)?.name == "root")
    #expect(UserDatabase.localUsers.contains(UserDatabase.User(name: "root", identifier: 0, group: 0)))
  }

  @Test func `Numbers that no user or group has give none`() {
    #expect(UserDatabase.user(4_123_456) == nil)
    #expect(UserDatabase.group(4_123_456) == nil)
  }
}
