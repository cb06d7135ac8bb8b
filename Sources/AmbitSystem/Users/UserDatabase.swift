internal import Glibc

/// The system's records of users and groups, by number and by name: getpwuid_r(3), getgrgid_r(3), getpwnam_r(3),
/// getgrnam_r(3). Each lookup may ask a server and block.
package enum UserDatabase {
  /// A user as passwd(5) has it.
  package struct User: Equatable, Sendable {
    package let name: String
    package let identifier: UInt32
    /// The user's primary group, whose list of members need not name the user.
    package let group: UInt32
    /// The path of the home; empty if it is not known.
    package let home: String

    package init(name: String, identifier: UInt32, group: UInt32, home: String = "") {
      (self.name, self.identifier, self.group, self.home) = (name, identifier, group, home)
    }

    init(_ record: passwd) {
      let home = unsafe record.pw_dir.map { unsafe String(systemPath: $0) } ?? ""
      unsafe self.init(
        name: String(cString: record.pw_name), identifier: record.pw_uid, group: record.pw_gid, home: home)
    }
  }

  /// A group as group(5) has it.
  package struct Group: Equatable, Sendable {
    package let name: String
    /// The users that the group lists. Users whose primary group it is are mostly not among them.
    package let members: [String]

    package init(name: String, members: [String]) { (self.name, self.members) = (name, members) }
  }

  /// The user with a number; nil if the system knows none, as in many containers.
  package static func user(_ identifier: UInt32) -> User? {
    unsafe lookUp { buffer in
      var record = unsafe passwd()
      var found: UnsafeMutablePointer<passwd>?
      let code = unsafe getpwuid_r(identifier, &record, buffer.baseAddress!, buffer.count, &found)
      guard code == 0, unsafe found != nil else { return (code, nil) }
      return unsafe (0, User(record))
    }
  }

  /// The group with a number; nil if the system knows none.
  package static func group(_ identifier: UInt32) -> Group? {
    unsafe lookUp { buffer in
      var record = unsafe Glibc.group()
      var found: UnsafeMutablePointer<Glibc.group>?
      let code = unsafe getgrgid_r(identifier, &record, buffer.baseAddress!, buffer.count, &found)
      guard code == 0, unsafe found != nil else { return (code, nil) }
      var members: [String] = []
      var next = unsafe record.gr_mem
      while let name = unsafe next?.pointee {
        unsafe members.append(String(cString: name))
        unsafe next = next?.advanced(by: 1)
      }
      return unsafe (0, Group(name: String(cString: record.gr_name), members: members))
    }
  }

  /// The number of a user, given by name or number; nil if there is no such user.
  /// - Throws: if the system cannot tell whether there is one.
  package static func number(ofUser name: String) throws(SystemError) -> UInt32? {
    if let number = number(name) { return number }
    return try user(named: name)?.identifier
  }

  /// The user with a name, which may be a number; nil if the system knows none.
  /// - Throws: if the system cannot tell whether there is one.
  package static func user(named name: String) throws(SystemError) -> User? {
    let found = unsafe find { buffer in
      var record = unsafe passwd()
      var found: UnsafeMutablePointer<passwd>?
      let code = unsafe getpwnam_r(name, &record, buffer.baseAddress!, buffer.count, &found)
      return (code, unsafe found != nil ? User(record) : nil)
    }
    return try known(found)
  }

  /// The groups that a user belongs to, `group` among them: getgrouplist(3). May ask a server and block.
  package static func groups(ofUser name: String, with group: UInt32) -> [UInt32] {
    var count: Int32 = 64
    while count <= 65_536 {
      var groups = [gid_t](repeating: 0, count: Int(count))
      if unsafe getgrouplist(name, group, &groups, &count) >= 0 { return Array(groups.prefix(Int(count))) }
      // glibc has set the number that it needs, other libraries may not.
      count = max(count, Int32(groups.count) * 2)
    }
    return [group]
  }

  /// The number of a group, given by name or number; nil if there is no such group.
  /// - Throws: if the system cannot tell whether there is one.
  package static func number(ofGroup name: String) throws(SystemError) -> UInt32? {
    if let number = number(name) { return number }
    let found = unsafe find { buffer in
      var record = unsafe Glibc.group()
      var found: UnsafeMutablePointer<Glibc.group>?
      let code = unsafe getgrnam_r(name, &record, buffer.baseAddress!, buffer.count, &found)
      return (code, unsafe found != nil ? record.gr_gid : nil)
    }
    return try known(found)
  }

  /// The record of a lookup; nil if there is none. The other codes of getpwnam_r(3) mean that there is none.
  private static func known<Record>(_ found: (code: Int32, record: Record?)) throws(SystemError) -> Record? {
    let isUnknown = [EINTR, EIO, EMFILE, ENFILE, ENOMEM, ERANGE, EAGAIN].contains(found.code)
    if isUnknown { throw SystemError(operation: "cannot look up", code: found.code) }
    return found.record
  }

  /// The number that a text in digits gives; nil for another text. It need not be that of an account. The largest number
  /// means "unchanged" to chown(2), so it is none.
  package static func number(_ text: String) -> UInt32? {
    guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
    return UInt32(text).flatMap { $0 == .max ? nil : $0 }
  }

  /// The users of /etc/passwd. Read from the file, because getpwent(3) has one position for the whole process, which a
  /// plugin may be using.
  package static var localUsers: [User] {
    ((try? TextFile.read("/etc/passwd")) ?? "").split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count >= 4, let identifier = UInt32(fields[2]), let group = UInt32(fields[3]) else { return nil }
      return User(
        name: String(fields[0]), identifier: identifier, group: group, home: fields.count > 5 ? String(fields[5]) : "")
    }
  }

  /// The record of a lookup; nil if there is none or the system cannot tell.
  private static func lookUp<Record>(
    _ body: (UnsafeMutableBufferPointer<CChar>) -> (code: Int32, Record?)
  ) -> Record? {
    unsafe find(body).record
  }

  /// Calls `body` with larger and larger buffers until the record fits. A group can have thousands of members.
  private static func find<Record>(
    _ body: (UnsafeMutableBufferPointer<CChar>) -> (code: Int32, Record?)
  ) -> (code: Int32, record: Record?) {
    var size = 4096
    while size <= 16 << 20 {
      let (code, record) = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: size) { unsafe body($0) }
      guard code == ERANGE else { return (code, record) }
      size *= 4
    }
    return (ERANGE, nil)
  }
}
