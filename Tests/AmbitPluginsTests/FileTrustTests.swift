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

  @Test(arguments: [
    (mode_t(0o664), "can be written by its group (mode 664)"),
    (0o666, "can be written by its group and everybody (mode 666)"), (0o602, "can be written by everybody (mode 602)"),
  ])
  func `A file that others can write is not trusted`(mode: mode_t, what: String) {
    chmod(file, mode)
    #expect(objection(file) == "\(file) \(what); run `chmod go-w \(file)`, or set trust = \"any\"")
    #expect(objection(file, .any) == nil)
  }

  @Test func `A file below a folder that others can write is not trusted`() {
    chmod(folder.path, 0o775)
    #expect(objection(file)?.hasPrefix("\(folder.path) can be written by its group (mode 775)") == true)
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
