internal import AmbitCore
internal import CLinux
internal import Glibc

/// The listening sockets that a service manager such as systemd has opened for this process: the protocol of
/// sd_listen_fds(3), without its library.
///
/// The manager keeps the sockets. So the host closes its descriptors at the end and neither shuts the sockets down nor
/// removes the files of unix sockets.
package enum SocketActivation {
  /// The number of the first descriptor that is passed: SD_LISTEN_FDS_START.
  private static var first: Int32 { 3 }
  /// More descriptors than any limit allows are a mistake in the variable.
  private static var most: Int32 { 1 << 16 }

  private static let passed = take()

  /// Takes the descriptors over and removes the variables, so that programs which this process starts get neither. Call
  /// it before the process opens files, starts programs or has a second thread. Later calls have no effect.
  package static func claim() { _ = passed }

  /// The sockets in the order in which they were passed; none if this process was started without. Claims them if
  /// nothing has.
  /// - Throws: if one of them is no socket that connections can be accepted from. The error names its descriptor.
  package static func sockets() throws(ListenError) -> [ListeningSocket] { try passed.get() }

  private static func take() -> Result<[ListeningSocket], ListenError> {
    let (count, names) = readVariables()
    var sockets: [ListeningSocket] = []
    for index in 0..<count {
      let name = Int(index) < names.count ? names[Int(index)] : "unknown"
      do throws(ListenError) {
        sockets.append(try socket(first + index, named: name))
      } catch {
        return .failure(error)
      }
    }
    return .success(sockets)
  }

  /// Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and removes them.
  /// - Returns: how many descriptors were passed to this process, and their names.
  private static func readVariables() -> (count: Int32, names: [String]) {
    let variables = HostProcess.takeVariables(["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"])
    // They are for another process if a program between the manager and this one has not removed them.
    guard variables["LISTEN_PID"].flatMap({ Int32($0) }) == HostProcess.identifier,
      let count = variables["LISTEN_FDS"].flatMap({ Int32($0) }), (0...most).contains(count)
    else { return (0, []) }
    let names = variables["LISTEN_FDNAMES"]?.split(separator: ":", omittingEmptySubsequences: false)
    return (count, names?.map(String.init) ?? [])
  }

  private static func socket(_ number: Int32, named name: String) throws(ListenError) -> ListeningSocket {
    func error(_ reason: String) -> ListenError {
      ListenError(address: "descriptor \(number) (\(name)), which the service manager has passed", reason: reason)
    }
    if let found = obstacle(number) {
      throw error(
        "expected a socket that listens for TCP or unix connections (ListenStream=, and Accept=no), found \(found)")
    }
    do throws(SystemError) {
      return try ListeningSocket(activated: number)
    } catch {
      throw ListenError(address: "descriptor \(number) (\(name))", reason: "\(error)")
    }
  }

  /// What the descriptor is, if it is not a socket that listens; nil if it is one.
  private static func obstacle(_ descriptor: Int32) -> String? {
    guard fcntl(descriptor, F_GETFD) >= 0 else { return "no open descriptor" }
    guard let type = SocketCalls.option(SO_TYPE, of: descriptor) else { return "a file that is no socket" }
    switch type {
    case Int32(SOCK_STREAM.rawValue): break
    case Int32(SOCK_DGRAM.rawValue): return "a datagram socket"
    default: return "a socket of another type"
    }
    guard let family = SocketAddress(localOf: descriptor)?.family, [AF_INET, AF_INET6, AF_UNIX].contains(family) else {
      return "a socket of another address family"
    }
    return SocketCalls.option(SO_ACCEPTCONN, of: descriptor) == 1 ? nil : "a socket that does not listen"
  }
}
