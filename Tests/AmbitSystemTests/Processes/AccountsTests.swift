import Testing

@testable import AmbitSystem

@Suite struct `Accounts of the system` {
  @Test func `An account is found by its name and by its number`() {
    #expect(Accounts.user("root") == 0 && Accounts.group("root") == 0)
    #expect(Accounts.user("0") == 0 && Accounts.group("54321") == 54321)
  }

  @Test(arguments: ["no such account", "", "-1", "+1", "4294967295", "4294967296"])
  func `An account that does not exist is not found`(name: String) {
    #expect(Accounts.user(name) == nil && Accounts.group(name) == nil)
  }
}
