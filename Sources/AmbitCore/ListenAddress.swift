/// Where the host accepts connections.
public enum ListenAddress: Sendable, Hashable {
  /// Every IPv4 and IPv6 address of the machine, written `*:8080`.
  case any(port: UInt16)
  /// One address, as its 4 (IPv4) or 16 (IPv6) bytes in network order.
  case internet(address: [UInt8], port: UInt16)
  /// A socket in the file system, with its absolute path of at most `longestPath` bytes.
  case unix(path: String)

  /// What Linux has room for, less the terminating zero.
  public static let longestPath = 107
}

extension ListenAddress {
  /// Why a text is not an address.
  public struct Refusal: Error, Equatable {
    public let hint: String?
  }

  /// Takes `127.0.0.1:8080`, `[::1]:8080`, `*:8080` and `unix:/run/ambit.sock`. Names are not looked up.
  public init(_ text: String) throws(Refusal) {
    let scheme = "unix:"
    if text.hasPrefix(scheme) {
      self = .unix(path: try Self.path(String(text.dropFirst(scheme.count))))
      return
    }
    guard let colon = text.lastIndex(of: ":") else { throw Refusal(hint: "the port is missing") }
    let host = text[..<colon]
    guard let port = Self.port(text[text.index(after: colon)...]) else {
      throw Refusal(hint: "a port is a number from 0 to 65535")
    }
    self = host == "*" ? .any(port: port) : .internet(address: try Self.address(host), port: port)
  }

  private static func path(_ path: String) throws(Refusal) -> String {
    guard path.hasPrefix("/") else { throw Refusal(hint: "the path of a socket begins with \"/\"") }
    guard path.utf8.count <= longestPath else {
      throw Refusal(hint: "the path of a socket has at most \(longestPath) bytes, this one has \(path.utf8.count)")
    }
    return path
  }

  private static func port(_ text: Substring) -> UInt16? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? UInt16(text) : nil
  }

  private static func address(_ host: Substring) throws(Refusal) -> [UInt8] {
    if host.hasPrefix("["), host.hasSuffix("]") {
      guard let bytes = AddressLiteral.ipv6(host.dropFirst().dropLast()) else {
        throw Refusal(hint: "between the brackets stands an IPv6 address")
      }
      return bytes
    }
    if let bytes = AddressLiteral.ipv4(host) { return bytes }
    if AddressLiteral.ipv6(host) != nil { throw Refusal(hint: "an IPv6 address stands in brackets") }
    throw Refusal(hint: host.isEmpty ? "for all addresses write \"*\"" : "names are not looked up")
  }
}

extension ListenAddress: CustomStringConvertible {
  /// The address as `host.conf` writes it, IPv6 addresses in the canonical form of RFC 5952.
  public var description: String {
    switch self {
    case .any(let port): "*:\(port)"
    case .internet(let address, let port):
      address.count == 4
        ? "\(AddressLiteral.ipv4Text(address)):\(port)" : "[\(AddressLiteral.ipv6Text(address))]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
