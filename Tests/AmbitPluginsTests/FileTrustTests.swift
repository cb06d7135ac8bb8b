import AmbitPlugins
import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct `Trust in files` {
  private let folder: TemporaryFolder
  private let file: String

  init() throws {
    folder = try TemporaryFolder()
    chmod(folder.path, 0o755)
    mkdir("\(folder.path)/plugins", 0o755)
    file = try folder.write("", to: "plugins/a.so")
    chmod(file, 0o644)
  }

  private func objection(_ path: String, _ trust: FileTrust = .owner) -> String? {
    do throws(UntrustedFile) {
      try trust.check(path)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func `A file that nobody else can write is trusted`() {
    #expect(objection(file) == nil)
    #expect(objection("\(folder.path)/plugins") == nil)
    #expect(objection("/") == nil)
  }

  /// The number of a group that the system does not know.
  private static let unknown: gid_t = 4_123_456

  @Test func `A file that everybody can write is not trusted`() {
    chmod(file, 0o602)
    let what = "can be written by everybody (mode 602)"
    #expect(objection(file) == "\(file) \(what); run `chmod o-w \(file)`, or set trust = \"any\"")
    #expect(objection(file, .any) == nil)
  }

  @Test(
    .enabled(if: geteuid() == 0, "only root can give a file to a group"),
    arguments: [
      (mode_t(0o664), "its group 4123456 (mode 664)", "g-w"),
      (0o666, "its group 4123456 and everybody (mode 666)", "go-w"),
    ])
  func `A file that a group can write whose members are not known is not trusted`(
    mode: mode_t, writers: String, change: String
  ) {
    chown(file, 0, Self.unknown)
    chmod(file, mode)
    let reason = "the system does not know who belongs to group 4123456"
    #expect(
      objection(file)
        == "\(file) can be written by \(writers), and \(reason); run `chmod \(change) \(file)`, or set trust = \"any\"")
    #expect(objection(file, .any) == nil)
    chmod(file, 0o644)
    chown(folder.path, 0, Self.unknown)
    chmod(folder.path, 0o775)
    #expect(objection(file)?.hasPrefix("\(folder.path) can be written by its group 4123456 (mode 775)") == true)
  }

  @Test(.enabled(if: getegid() == getgid() && geteuid() == 0, "the group of another user may have other members"))
  func `A file that only the user's own group can write is trusted`() {
    chmod(folder.path, 0o775)
    chmod("\(folder.path)/plugins", 0o775)
    chmod(file, 0o664)
    #expect(objection(file) == nil)
  }

  @Test func `The command that a message shows can be typed, whatever the name of the file is`() throws {
    let file = try folder.write("", to: "a b's/c.so")
    chmod(file, 0o602)
    #expect(objection(file)?.contains("run `chmod o-w '\(folder.path)/a b'\\''s/c.so'`") == true)
  }

  @Test func `A file of the user's own in a sticky folder is trusted`() {
    chmod(folder.path, 0o1777)
    #expect(objection(file) == nil)
  }

  @Test func `The check of trust follows each symbolic link on the way to a file`() throws {
    mkdir("\(folder.path)/open", 0o755)
    chmod("\(folder.path)/open", 0o777)
    let link = "\(folder.path)/plugins/b.so"
    symlink("../open/b.so", link)
    #expect(objection(link)?.hasPrefix("\(folder.path)/plugins/../open can be written") == true)
    let way = "\(folder.path)/open/way"
    symlink("\(folder.path)/plugins", way)
    #expect(objection("\(way)/a.so")?.hasPrefix("\(folder.path)/open can be written") == true)
    symlink("a.so", "\(folder.path)/plugins/c.so")
    #expect(objection("\(folder.path)/plugins/c.so") == nil)
    symlink("round", "\(folder.path)/plugins/round")
    #expect(objection("\(folder.path)/plugins/round") == nil, "whoever opens it will say so")
  }

  @Test func `The check of trust leaves a file that does not exist to its reader`() {
    #expect(objection("\(folder.path)/plugins/none.so") == nil)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can give a file away")) func `A file of another user is not trusted`() {
    chown(file, 12_345, 0)
    #expect(
      objection(file)?.hasPrefix("\(file) is owned by user 12345, who is neither root nor the host's user") == true)
    chown(file, 0, 0)
    chown("\(folder.path)/plugins", 12_345, 0)
    #expect(objection(file)?.hasPrefix("\(folder.path)/plugins is owned by user 12345") == true)
    chmod(folder.path, 0o1777)
    #expect(objection(file)?.hasPrefix("\(folder.path)/plugins is owned by user 12345") == true)
  }
}
