internal import AmbitCore

extension ValueForm where Value == [ListenAddress] {
  /// An array of at least one address, none of them twice.
  static let addresses = ValueForm { value, path, findings in
    guard case .array(let elements) = value, !elements.isEmpty else {
      let expected = #"an array of addresses such as ["127.0.0.1:8080"]"#
      findings.append(.mismatch(at: path, expected: expected, found: value))
      return nil
    }
    var addresses: [ListenAddress] = []
    for (index, element) in elements.enumerated() {
      let place = path.appending(.index(index))
      guard let address = address.read(element, place, &findings) else { continue }
      if let earlier = addresses.firstIndex(of: address), !address.isChosenBySystem {
        let message = "\(place): expected each address once, found \(element), which is \(path)[\(earlier)] already"
        findings.append(Finding(path: place, message: message))
      }
      addresses.append(address)
    }
    return addresses
  }

  private static var address: ValueForm<ListenAddress> {
    ValueForm<ListenAddress> { value throws(Mismatch) in
      let expected = #""ADDRESS:PORT", "[IPv6 ADDRESS]:PORT", "*:PORT" or "unix:/PATH""#
      guard case .string(let text) = value else { throw Mismatch(expected: expected) }
      do throws(ListenAddress.Refusal) {
        return try ListenAddress(text)
      } catch {
        throw Mismatch(expected: expected, hint: error.hint)
      }
    }
  }
}

extension ListenAddress {
  /// Whether the port is 0, so that the same text twice gives two different ports.
  fileprivate var isChosenBySystem: Bool {
    switch self {
    case .any(let port), .internet(_, let port): port == 0
    case .unix: false
    }
  }
}
