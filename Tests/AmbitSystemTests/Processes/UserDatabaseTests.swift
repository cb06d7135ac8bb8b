import AmbitSystem
import Glibc
import Testing

@Suite struct `The user database` {
  @Test func `Root is known by name and group`() throws {
    let root = try #require(UserDatabase.user(0))
    #expect((root.name, root.identifier, root.group) == ("root", 0, 0) && root.home.hasPrefix("/"))
    #expect(UserDatabase.group(0)?.name == "root")
    #expect(UserDatabase.localUsers.contains(root) && UserDatabase.groups(ofUser: "root", with: 0).contains(0))
    #expect(try UserDatabase.user(named: "root") == root)
  }

  @Test func `Numbers that no user or group has give none`() {
    #expect(UserDatabase.user(4_123_456) == nil)
    #expect(UserDatabase.group(4_123_456) == nil)
  }

  @Test func `An account is found by its name and by its number`() throws {
    #expect(try UserDatabase.number(ofUser: "root") == 0 && UserDatabase.number(ofGroup: "root") == 0)
    #expect(try UserDatabase.number(ofUser: "0") == 0 && UserDatabase.number(ofGroup: "54321") == 54321)
  }

  @Test(arguments: ["no such account", "", "-1", "+1", "4294967295", "4294967296"])
  func `An account that does not exist is not found`(name: String) throws {
    #expect(try UserDatabase.number(ofUser: name) == nil && UserDatabase.number(ofGroup: name) == nil)
  }

  @Test func `A name that cannot be looked up, for lack of descriptors, is an error and not an unknown account`() async
  {
    await #expect(processExitsWith: .success) {
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
      var limit = rlimit(rlim_cur: 0, rlim_max: 0)
      precondition(setrlimit(resource, &limit) == 0)
      precondition(code { try UserDatabase.number(ofUser: "root") } == EMFILE)
      precondition(code { try UserDatabase.number(ofGroup: "root") } == EMFILE)
    }
  }
}

/// The code of the error of a lookup; 0 if there is none.
private func code(_ lookUp: () throws -> UInt32?) -> Int32 {
  do { _ = try lookUp() } catch { return (error as? SystemError)?.code ?? -1 }
  return 0
}
