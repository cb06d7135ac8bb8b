extension RoutePattern: CustomStringConvertible {
  /// The canonical text: parsing it gives an equal pattern. Literals carry an escape, in upper-case digits, for every
  /// byte that may not stand for itself in a path (RFC 3986, section 3.3), and no other.
  public var description: String { "\(method) \(path)" }

  /// The path of the canonical text.
  public var path: String {
    segments.reduce(into: "") { path, segment in
      path.append("/")
      switch segment {
      case .literal(let bytes): path += bytes.map(Self.escaped).joined()
      case .parameter(let name): path.append("{\(name)}")
      case .rest(let name): path.append("{\(name)...}")
      }
    }
  }

  private static func escaped(_ byte: UInt8) -> String {
    let character = Unicode.Scalar(byte)
    switch character {
    case "A"..."Z", "a"..."z", "0"..."9", "-", ".", "_", "~", "!", "$", "&", "'", "(", ")", "*", "+", ",", ";", "=",
      ":", "@":
      return String(character)
    default:
      let digits = String(byte, radix: 16, uppercase: true)
      return digits.utf8.count == 1 ? "%0\(digits)" : "%\(digits)"
    }
  }
}
