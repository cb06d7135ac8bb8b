internal import AmbitConfig
internal import AmbitCore
internal import AmbitSystem

/// Where the admin socket of a host is: as `admin` in its configuration says, or by default in the first usable folder
/// of RUNTIME_DIRECTORY, which systemd sets (systemd.exec(5)), `$XDG_RUNTIME_DIR/ambit`, and the folder of `host.conf`.
///
/// In the first two folders the socket's name is made of the path of `host.conf`, so that hosts of one user differ, and
/// a command that is given the same path finds its host. Beside `host.conf` it is `.ambit.sock`; a configuration of
/// another name has a socket of its own there, since several may be in one folder.
struct AdminSocket {
  /// The path of the socket; nil if the host has none.
  let path: String?
  /// Why a folder that comes first was not taken; nil if the first was.
  let notice: String?

  /// Chooses the path for a host of `configuration`, which is of `source`.
  /// - Throws: if the socket cannot be where `admin` says. The message names the key.
  init(
    _ source: ConfigurationSource, _ configuration: HostConfiguration,
    environment: [String: String] = HostProcess.environment
  ) throws(HostError) {
    switch configuration.admin {
    case .off: (path, notice) = (nil, nil)
    case .path(let name):
      let path = source.resolve(name)
      if let objection = Self.lengthObjection(to: path) { throw HostError(configuration: "admin: \(objection)") }
      if let objection = Self.objection(to: path) { throw HostError(["admin: \(objection)"]) }
      (self.path, notice) = (path, nil)
    case .automatic: (path, notice) = Self.choose(source, environment)
    }
  }

  private static func choose(
    _ source: ConfigurationSource, _ environment: [String: String]
  ) -> (path: String?, notice: String?) {
    var objections: [String] = []
    for candidate in candidates(source, environment) {
      guard let objection = candidate.prepare() ?? objection(to: candidate.path) else {
        let reasons = objections.joined(separator: "; ")
        return (candidate.path, reasons.isEmpty ? nil : "the admin socket is \(candidate.path), because \(reasons)")
      }
      objections.append(objection)
    }
    let notice = "there is no admin API, so `ambit status` and `ambit reload` do not find this host: "
    let advice = "set admin to a path that can be used, or to \"\" for none"
    return (nil, notice + (objections + [advice]).joined(separator: "; "))
  }

  /// A path that a host may choose.
  private struct Candidate {
    let path: String
    /// The user's folder for sockets, if the path is in it; it must be this user's.
    var userFolder: String?

    /// Makes the folder of the path if there is none.
    /// - Returns: why the folder cannot be used; nil if it can.
    func prepare() -> String? {
      do throws(FileError) {
        if let userFolder, try FileStatus(of: userFolder).owner != HostProcess.user {
          return "\(userFolder) (XDG_RUNTIME_DIR) belongs to another user"
        }
        try Paths.makeFolders(Paths.folder(of: path))
        return nil
      } catch {
        return error.description
      }
    }
  }

  /// The candidates of a host, the best first.
  private static func candidates(
    _ source: ConfigurationSource, _ environment: [String: String]
  ) -> [Candidate] {
    let name = name(for: source.location)
    return [
      serviceFolder(environment).map { Candidate(path: "\($0)/\(name)") },
      userFolder(environment).map { Candidate(path: "\($0)/ambit/\(name)", userFolder: $0) },
      Candidate(path: besideConfiguration(source.location)),
    ].compactMap { $0 }
  }

  private static func name(for configuration: String) -> String { "admin-\(SHA256.key(configuration)).sock" }

  /// The path beside a configuration. A long name is replaced by its key, because the path of a socket is short.
  private static func besideConfiguration(_ configuration: String) -> String {
    let name = configuration.split(separator: "/").last.map(String.init) ?? ""
    let id = name.utf8.count <= 16 ? name : SHA256.key(name)
    let file = name == ConfigurationSource.usualName ? ".ambit.sock" : ".ambit-\(id).sock"
    return Paths.absolute("\(Paths.folder(of: configuration))/\(file)")
  }

  /// The first folder of RUNTIME_DIRECTORY.
  private static func serviceFolder(_ environment: [String: String]) -> String? {
    environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first.map { Paths.absolute(String($0)) }
  }

  private static func userFolder(_ environment: [String: String]) -> String? {
    environment["XDG_RUNTIME_DIR"].flatMap { $0.hasPrefix("/") ? Paths.absolute($0) : nil }
  }

  /// Why no socket can be at `path`; nil if no reason is known. Does not say whether a process listens there.
  static func objection(to path: String) -> String? {
    lengthObjection(to: path) ?? ListenCheck.objection(to: .unix(path: path)).map { "\(path): \($0)" }
  }

  /// Why no socket can be at `path` on any system; nil if it can.
  private static func lengthObjection(to path: String) -> String? {
    let (length, limit) = (path.utf8.count, ListenAddress.longestPath)
    guard length > limit else { return nil }
    return "expected a socket path of at most \(limit) bytes, found \(length) bytes: \(path)"
  }
}

extension AdminSocket {
  /// The paths where a command looks for the host of a configuration, in this order. The command may run in another
  /// environment than the host: in another shell, or without systemd.
  /// - Throws: if the configuration has an error, or says that there is no socket.
  static func places(
    of source: ConfigurationSource, environment: [String: String] = HostProcess.environment
  ) throws(HostError) -> [String] {
    switch try setting(of: source) {
    case .path(let name): return [source.resolve(name)]
    case .off: throw HostError(["\(source.name): admin is \"\", so a host of this configuration has no admin API"])
    case .automatic: break
    }
    var folders = [serviceFolder(environment), userFolder(environment).map { "\($0)/ambit" }].compactMap { $0 }
    // A remote shell may lack the variable, and root may look for the host of another user.
    let users = [HostProcess.user, (try? FileStatus(of: source.folder))?.owner ?? HostProcess.user]
    // The last one is that of a unit of the system with RuntimeDirectory=ambit.
    folders += users.map { "/run/user/\($0)/ambit" } + ["/run/ambit"]
    // A host that was started in another way may know its configuration by the path without links.
    let locations = [source.location, Paths.real(source.location)]
    let paths =
      folders.flatMap { folder in locations.map { "\(folder)/\(name(for: $0))" } } + locations.map(besideConfiguration)
    return paths.enumerated().filter { !paths[..<$0.offset].contains($0.element) }.map(\.element)
  }

  /// What a configuration says about the socket.
  /// - Throws: if the configuration has an error, with a way to reach the host nevertheless.
  private static func setting(of source: ConfigurationSource) throws(HostError) -> HostConfiguration.AdminPlace {
    do throws(HostError) {
      return try source.read().admin
    } catch {
      throw error.followed(by: [
        "the configuration says where the admin socket is; to reach a running host without it, name the socket with "
          + "--socket PATH (the log of the host has the line \"admin API on unix:PATH\")"
      ])
    }
  }
}
