/// An address on which the host accepts connections.
public enum ListenAddress: Sendable, Hashable {
  /// Every IPv4 and IPv6 address of the machine, written `*:8080`.
  case any(port: UInt16)
  /// One address, as its 4 (IPv4) or 16 (IPv6) bytes in network order. `0.0.0.0` is every IPv4 address of the machine,
  /// `[::]` every IPv6 address.
  case internet(address: [UInt8], port: UInt16)
  /// A unix socket, by its path of at most `longestPath` bytes.
  case unix(path: String)

  /// The longest path that Linux accepts, in bytes, without the terminating NUL.
  public static let longestPath = 107
}

/// Why a text is not a listen address.
public struct ListenAddressError: Error, Equatable {
  /// The error or the correction, for the end of a sentence; nil if there is neither.
  public let hint: String?

  public init(hint: String?) { self.hint = hint }
}

extension ListenAddress {
  /// Parses `127.0.0.1:8080`, `[::1]:8080`, `*:8080` or `unix:/run/ambit.sock`. Host names are not looked up. An IPv4
  /// address that is written as an IPv6 address, `[::ffff:127.0.0.1]`, is that IPv4 address.
  public init(_ text: String) throws(ListenAddressError) {
    let scheme = "unix:"
    if text.hasPrefix(scheme) {
      self = .unix(path: try Self.path(String(text.dropFirst(scheme.count))))
      return
    }
    guard let colon = text.lastIndex(of: ":") else { throw ListenAddressError(hint: "the port is missing") }
    let host = text[..<colon]
    guard let port = Self.port(text[text.index(after: colon)...]) else {
      throw ListenAddressError(hint: "a port is a number from 0 to 65535")
    }
    self = host == "*" ? .any(port: port) : ListenAddress(bytes: try Self.address(host), port: port)
  }

  /// One address, as its 4 or 16 bytes in network order. An IPv4 address in the form of an IPv6 address is that IPv4
  /// address.
  public init(bytes: [UInt8], port: UInt16) {
    self = .internet(address: IPAddressText.mappedIPv4(bytes) ?? bytes, port: port)
  }

  private static func path(_ path: String) throws(ListenAddressError) -> String {
    guard !path.isEmpty else { throw ListenAddressError(hint: "the path of the socket is missing") }
    guard !path.utf8.contains(0) else { throw ListenAddressError(hint: "the path of a socket contains no NUL") }
    guard path.utf8.count <= longestPath else {
      throw ListenAddressError(
        hint: "the path of a socket has at most \(longestPath) bytes, this one has \(path.utf8.count)")
    }
    return path
  }

  private static func port(_ text: Substring) -> UInt16? {
    text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? UInt16(text) : nil
  }

  private static func address(_ host: Substring) throws(ListenAddressError) -> [UInt8] {
    if host.hasPrefix("["), host.hasSuffix("]") {
      guard let bytes = IPAddressText.ipv6(host.dropFirst().dropLast()) else {
        throw ListenAddressError(hint: "expected an IPv6 address between the brackets")
      }
      return bytes
    }
    if let bytes = IPAddressText.ipv4(host) { return bytes }
    if IPAddressText.ipv6(host) != nil { throw ListenAddressError(hint: "put an IPv6 address in brackets") }
    throw ListenAddressError(
      hint: host.isEmpty ? "for all addresses write \"*\"" : "host names are not looked up, write an IP address")
  }
}

extension ListenAddress {
  /// Whether both would get the same connections, so that the system gives only one of them to the host. With port 0
  /// the same address twice is two different ports.
  public func overlaps(_ other: ListenAddress) -> Bool {
    switch (self, other) {
    case (.unix(let one), .unix(let two)): one == two
    case (.unix, _), (_, .unix): false
    default: port != 0 && port == other.port && (includes(other) || other.includes(self))
    }
  }

  /// Whether all connections of `other` are among those of this address. With port 0 nothing is: the system chooses a
  /// port that nobody has.
  public func covers(_ other: ListenAddress) -> Bool {
    switch (self, other) {
    case (.unix(let one), .unix(let two)): one == two
    case (.unix, _), (_, .unix): false
    default: port != 0 && port == other.port && includes(other)
    }
  }

  private var port: UInt16 {
    switch self {
    case .any(let port), .internet(_, let port): port
    case .unix: 0
    }
  }

  /// Whether the addresses of `other`, which has the same port, are among those of this one.
  private func includes(_ other: ListenAddress) -> Bool {
    switch (self, other) {
    case (.any, _): true
    case (.internet(let mine, _), .internet(let its, _)):
      mine == its || mine.count == its.count && mine.allSatisfy { $0 == 0 }
    default: false
    }
  }
}

extension ListenAddress: CustomStringConvertible {
  /// The address as `host.conf` writes it, IPv6 addresses in the canonical form of RFC 5952.
  public var description: String {
    switch self {
    case .any(let port): "*:\(port)"
    case .internet(let address, let port):
      address.count == 4
        ? "\(IPAddressText.ipv4Text(address)):\(port)" : "[\(IPAddressText.ipv6Text(address))]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}

/// IP addresses as text and as bytes in network order.
enum IPAddressText {
  /// The four bytes of an IPv4 address that is mapped into IPv6, `::ffff:192.0.2.1`; nil if `bytes` are another address
  /// (RFC 4291, section 2.5.5.2).
  static func mappedIPv4(_ bytes: [UInt8]) -> [UInt8]? {
    let isMapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10...11].allSatisfy { $0 == 255 }
    return isMapped ? Array(bytes[12...]) : nil
  }

  /// Four decimal numbers. Leading zeros are refused, because some parsers read such numbers as octal.
  static func ipv4(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { part in UInt8(part).flatMap { String($0) == part ? $0 : nil } }
    return parts.count == 4 && bytes.count == 4 ? bytes : nil
  }

  /// RFC 4291, section 2.2: eight groups, `::` for a run of zero groups, the last four bytes as IPv4. No zone.
  static func ipv6(_ text: Substring) -> [UInt8]? {
    guard let gap = firstGap(in: text) else {
      guard let bytes = groups(text), bytes.count == 16 else { return nil }
      return bytes
    }
    guard let head = groups(text[..<gap.lowerBound], mayEndInIPv4: false), let tail = groups(text[gap.upperBound...]),
      head.count + tail.count <= 14
    else { return nil }
    return head + Array(repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  static func ipv4Text(_ bytes: [UInt8]) -> String {
    bytes.map { String($0) }.joined(separator: ".")
  }

  /// RFC 5952, section 4: lower case, no leading zeros, the first longest run of two or more zero groups as `::`.
  static func ipv6Text(_ bytes: [UInt8]) -> String {
    let groups = stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    func joined(_ groups: ArraySlice<UInt16>) -> String {
      groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
    let zeros = longestZeroRun(in: groups)
    guard zeros.count >= 2 else { return joined(groups[...]) }
    return joined(groups[..<zeros.lowerBound]) + "::" + joined(groups[zeros.upperBound...])
  }

  private static func firstGap(in text: Substring) -> Range<Substring.Index>? {
    var index = text.startIndex
    while let colon = text[index...].firstIndex(of: ":") {
      index = text.index(after: colon)
      if text[index...].first == ":" { return colon..<text.index(after: index) }
    }
    return nil
  }

  private static func groups(_ text: Substring, mayEndInIPv4: Bool = true) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var bytes: [UInt8] = []
    for (index, part) in parts.enumerated() {
      if mayEndInIPv4, index == parts.count - 1, let last = ipv4(part) {
        bytes += last
      } else if let group = group(part) {
        bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
      } else {
        return nil
      }
    }
    return bytes
  }

  private static func group(_ text: Substring) -> UInt16? {
    guard (1...4).contains(text.utf8.count), text.first != "+", text.first != "-" else { return nil }
    return UInt16(text, radix: 16)
  }

  private static func longestZeroRun(in groups: [UInt16]) -> Range<Int> {
    var longest = 0..<0
    var start = 0
    for index in groups.indices {
      if groups[index] != 0 {
        start = index + 1
      } else if index + 1 - start > longest.count {
        longest = start..<(index + 1)
      }
    }
    return longest
  }
}
