internal import CLinux
internal import Glibc

extension Paths {
  /// The folder in which the process was started, as an absolute path whose links are not resolved: the one of $PWD if
  /// that names the working folder, else that of getcwd(3).
  ///
  /// A shell sets PWD to the path that the user has typed. If a link in that path is pointed to another folder later, as
  /// deployments do, the path leads to the new folder, and the working folder stays the old one. Read it first before
  /// code of a plugin can change the working folder.
  package static let startFolder: String =
    folder(named: HostProcess.variable("PWD")) ?? folder(named: workingFolder) ?? openedWorkingFolder ?? "/"

  /// The path of the working folder by way of an open descriptor: the folder was removed, or its name is not UTF-8.
  private static var openedWorkingFolder: String? {
    let descriptor = unsafe clinux_lift(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    return descriptor < 0 ? nil : "/proc/\(getpid())/fd/\(descriptor)"
  }

  /// The absolute path that leads to the working folder by `name`; nil if the name does not.
  static func folder(named name: String?) -> String? {
    guard let name, name.hasPrefix("/"), !name.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }),
      let named = try? FileStatus(of: name), let own = try? FileStatus(of: "."),
      named.device == own.device, named.inode == own.inode
    else { return nil }
    return name
  }

  /// The path made absolute by the folder in which the process was started, without `.` and needless slashes. Links are
  /// not resolved: where the path leads is decided each time it is used. A `..` behind a link stays for that reason.
  package static func absolute(_ path: String) -> String {
    var parts: [Substring] = []
    for part in (path.hasPrefix("/") ? path : "\(startFolder)/\(path)").split(separator: "/") where part != "." {
      if part == "..", parts.last != "..", isFolder("/" + parts.joined(separator: "/")) {
        _ = parts.popLast()
      } else {
        parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The folder of an absolute path.
  package static func folder(of path: String) -> String {
    let end = path.lastIndex(of: "/") ?? path.startIndex
    return end == path.startIndex ? "/" : String(path[..<end])
  }

  /// Whether there is a folder at `path` itself, and no link to one.
  private static func isFolder(_ path: String) -> Bool { (try? FileStatus(ofLink: path))?.kind == .folder }
}
