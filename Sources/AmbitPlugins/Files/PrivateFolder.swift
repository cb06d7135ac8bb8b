package import AmbitSystem
import Glibc

/// Chooses the folder in which a host makes the folder of its private copies.
///
/// It is the first usable one of: RUNTIME_DIRECTORY and CACHE_DIRECTORY, which systemd sets (systemd.exec(5)), the
/// user's cache folder, and the system's temporary folder. Cleaners of temporary files do not come to the first ones.
package enum PrivateFolder {
  /// The copies, and what the operator should know about the choice of their folder.
  package struct Opened {
    package let copies: PluginCopies
    /// Why a folder that comes first was not taken; nil if the first was.
    package let notice: String?
  }

  /// A folder that may be chosen, and the variable that names it.
  struct Candidate: Equatable {
    let path: String
    let origin: String
  }

  /// Why no folder can be used: a line for each.
  package struct Unavailable: Error, CustomStringConvertible {
    package let description: String
  }

  /// Makes the folder for copies.
  /// - Parameters:
  ///   - folder: The absolute path of the folder that the operator wants, which is used as it is; nil: to be chosen.
  ///   - environment: The variables that name folders.
  ///   - trust: Whether others may be able to change the copies.
  ///   - reader: Whose processes load the copies; nil: those of this user.
  package static func open(
    _ folder: String?, environment: [String: String], trust: FileTrust, for reader: Account? = nil
  ) throws(Unavailable) -> Opened {
    if let folder {
      do throws(Unavailable) {
        return Opened(copies: try copies(in: folder, trust, reader), notice: nil)
      } catch {
        throw Unavailable(description: "private: \(error); set private to another folder, or to \"\" for a default")
      }
    }
    var objections: [String] = []
    for candidate in candidates(environment) {
      do throws(Unavailable) {
        do throws(FileError) {
          try Paths.makeFolders(candidate.path, for: reader == nil ? .own : .shared)
        } catch {
          throw Unavailable(description: "\(error)")
        }
        let copies = try copies(in: candidate.path, trust, reader)
        let reasons = objections.joined(separator: "; ")
        let notice = "private copies of plugins lie in \(copies.path), because \(reasons)"
        return Opened(copies: copies, notice: reasons.isEmpty ? nil : notice)
      } catch {
        objections.append("\(error) (\(candidate.origin))")
      }
    }
    throw Unavailable(
      description: (["no folder can hold private copies of plugins; set private to a folder that can:"] + objections)
        .joined(separator: "\n"))
  }

  /// The folders that may be chosen, the best first.
  static func candidates(_ environment: [String: String]) -> [Candidate] {
    var found: [Candidate] = []
    for name in ["RUNTIME_DIRECTORY", "CACHE_DIRECTORY"] {
      guard let path = firstFolder(environment[name]) else { continue }
      found.append(Candidate(path: path, origin: name))
    }
    if firstFolder(environment["CACHE_DIRECTORY"]) == nil {
      if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") {
        found.append(Candidate(path: "\(folder)/ambit", origin: "XDG_CACHE_HOME"))
      } else if let home = environment["HOME"], home.hasPrefix("/") {
        found.append(Candidate(path: "\(home)/.cache/ambit", origin: "HOME"))
      }
    }
    if let folder = environment["TMPDIR"], !folder.isEmpty {
      found.append(Candidate(path: Paths.absolute(folder), origin: "TMPDIR"))
    }
    if !found.contains(where: { $0.path == "/tmp" }) { found.append(Candidate(path: "/tmp", origin: "/tmp")) }
    return found
  }

  /// The first of the folders of a variable that systemd sets: they are separated by colons.
  private static func firstFolder(_ value: String?) -> String? {
    value?.split(separator: ":").first.map { Paths.absolute(String($0)) }
  }

  private static func copies(
    in folder: String, _ trust: FileTrust, _ reader: Account?
  ) throws(Unavailable) -> PluginCopies {
    do throws(UntrustedFile) { try trust.check(folder) } catch { throw Unavailable(description: "\(error)") }
    guard !Paths.isMountedNoExec(folder) else {
      throw Unavailable(
        description: "\(folder) lies on a file system mounted noexec, from which the system loads no libraries")
    }
    if let reader, let objection = objection(to: reader, in: folder) { throw Unavailable(description: objection) }
    do throws(FileError) {
      return try PluginCopies(in: folder, for: reader == nil ? .own : .shared)
    } catch {
      throw Unavailable(description: "\(error)")
    }
  }

  /// Why processes of `reader` cannot load copies that lie in `folder`; nil if they can.
  package static func objection(to reader: Account, in folder: String) -> String? {
    guard Paths.exists(folder), !reader.maySearch(folder) else { return nil }
    return """
      user \(reader.name), whom workers run as, cannot reach \(folder): each folder of this path has to let the user \
      search it (chmod a+x)
      """
  }
}
