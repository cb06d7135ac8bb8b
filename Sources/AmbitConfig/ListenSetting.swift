package import AmbitCore

/// One entry of `listen`: an address, and for a unix socket the rights to its file.
package struct ListenSetting: Sendable {
  /// The path of a unix socket is as in the file: a relative one is relative to the folder of the file.
  package var address: ListenAddress
  /// The permissions of a unix socket's file, chmod(2). Only clients that may write to the file can connect.
  package var mode: UInt32 = 0o666
  /// The user who owns a unix socket's file, a name or a number; nil for the user that the host runs as.
  package var owner: String?
  /// The group of a unix socket's file, a name or a number; nil for the one that the system chooses.
  package var group: String?
  /// The place of the entry.
  package fileprivate(set) var place: SettingPlace
  private var positions: [String: SourcePosition] = [:]

  package init(_ address: ListenAddress, index: Int = 0) {
    self.address = address
    place = SettingPlace(path: Self.path(of: index).description, position: nil)
  }

  /// The place of a key of the entry.
  package func place(of key: String) -> SettingPlace {
    SettingPlace(path: "\(place.path).\(key)", position: positions[key] ?? place.position)
  }

  fileprivate static func path(of index: Int) -> SettingPath { SettingPath("listen").appending(.index(index)) }

  fileprivate static let keys = ["address"] + fileKeys
  /// The keys that only a unix socket may have.
  fileprivate static let fileKeys = ["mode", "owner", "group"]

  /// Notes where in the file the entry of this index and its keys are.
  mutating func locate(_ index: Int, in all: [SettingPath: SourcePosition]) {
    let path = Self.path(of: index)
    place = SettingPlace(path: path.description, position: all[path])
    for key in Self.keys { positions[key] = all[path.appending(.key(key))] }
  }
}

extension ListenSetting: Equatable {
  /// Whether both ask for the same, wherever they are in the file.
  package static func == (one: ListenSetting, other: ListenSetting) -> Bool {
    (one.address, one.mode) == (other.address, other.mode) && (one.owner, one.group) == (other.owner, other.group)
  }
}

extension ValueDecoder where Value == [ListenSetting] {
  /// An array of at least one address. No two of them may ask for the same connections.
  static let addresses = ValueDecoder { value, path, diagnostics in
    guard case .array(let elements) = value, !elements.isEmpty else {
      let expected = #"an array of addresses such as ["127.0.0.1:8080"]"#
      diagnostics.append(.unexpected(at: path, expected: expected, found: value))
      return nil
    }
    var settings: [ListenSetting] = []
    var found: [(index: Int, address: ListenAddress)] = []
    for (index, element) in elements.enumerated() {
      let place = path.appending(.index(index))
      guard let setting = entry(index).decode(element, place, &diagnostics) else { continue }
      if let earlier = found.first(where: { $0.address.overlaps(setting.address) }) {
        diagnostics.append(overlap(of: setting.address, at: place, with: earlier.address, at: path, earlier.index))
      }
      found.append((index, setting.address))
      settings.append(setting)
    }
    return settings
  }

  private static func overlap(
    of address: ListenAddress, at place: SettingPath, with earlier: ListenAddress, at path: SettingPath, _ index: Int
  ) -> Diagnostic {
    let other = path.appending(.index(index))
    guard address != earlier else {
      let message = "\(place): expected each address once, found \(quoted("\(address)")), which \(other) has already"
      return Diagnostic(path: place, message: message)
    }
    let message =
      "\(place): expected an address that no other entry includes, found \(quoted("\(address)")) beside \(other), "
      + "which is \(quoted("\(earlier)")): one of them includes the other, so remove one"
    return Diagnostic(path: place, message: message)
  }

  private static func entry(_ index: Int) -> ValueDecoder<ListenSetting> {
    ValueDecoder<ListenSetting> { value, path, diagnostics in
      guard case .table = value else {
        return ListenAddress.decoder.decode(value, path, &diagnostics).map { ListenSetting($0, index: index) }
      }
      return table(value, index, at: path, &diagnostics)
    }
  }

  /// `{ address = "unix:/PATH", mode = "0660", owner = "", group = "" }`
  private static func table(
    _ value: ConfigurationValue, _ index: Int, at path: SettingPath, _ diagnostics: inout [Diagnostic]
  ) -> ListenSetting? {
    guard var table = TableDecoder(value, at: path, expected: "a table", &diagnostics) else { return nil }
    let address = table.decode("address", ListenAddress.decoder, &diagnostics)
    let mode = table.decode("mode", .mode, &diagnostics)
    let owner = table.decode("owner", .account("user"), &diagnostics)
    let group = table.decode("group", .account("group"), &diagnostics)
    diagnostics += table.unknownKeys
    if !table.has("address") {
      let expected = #"expected "address", such as "unix:/run/ambit/http.sock"; it is missing"#
      diagnostics.append(Diagnostic(path: path, message: "\(path): \(expected)"))
    }
    guard let address else { return nil }
    if !address.isUnix {
      for key in ListenSetting.fileKeys where table.has(key) {
        let place = path.appending(.key(key))
        let message = "\(place): expected only with a \"unix:\" address, found with \(quoted("\(address)"))"
        diagnostics.append(Diagnostic(path: place, message: message))
      }
    }
    var setting = ListenSetting(address, index: index)
    if let mode { setting.mode = mode }
    (setting.owner, setting.group) = (owner ?? nil, group ?? nil)
    return setting
  }
}

extension ListenAddress {
  fileprivate static var decoder: ValueDecoder<ListenAddress> {
    ValueDecoder<ListenAddress> { value throws(ValueError) in
      let expected = #""ADDRESS:PORT", "[IPv6 ADDRESS]:PORT", "*:PORT" or "unix:PATH""#
      guard case .string(let text) = value else { throw ValueError(expected: expected) }
      do throws(ListenAddressError) {
        return try ListenAddress(text)
      } catch {
        throw ValueError(expected: expected, hint: error.hint)
      }
    }
  }

  fileprivate var isUnix: Bool { if case .unix = self { true } else { false } }
}

extension ValueDecoder where Value == UInt32 {
  /// The permissions of a file as octal digits, without those of set-user-ID and the like, which mean nothing here.
  fileprivate static var mode: ValueDecoder {
    ValueDecoder { value throws(ValueError) in
      let expected = #"the permissions of the socket as octal digits in quotes, such as "0660""#
      if case .integer(let number) = value {
        throw ValueError(expected: expected, hint: meant(by: number).map { "did you mean \(quoted($0))?" })
      }
      guard case .string(let text) = value, (3...4).contains(text.utf8.count),
        text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }),
        let mode = UInt32(text, radix: 8), mode <= 0o777
      else { throw ValueError(expected: expected) }
      return mode
    }
  }

  /// The octal digits that somebody meant who wrote a number; nil if the number suggests none.
  ///
  /// It is not known whether the file has `0o660` or its value `432`. So if the value gives the usual rights to a socket,
  /// that is suggested, else the digits of the number: `600` means "0600".
  private static func meant(by number: Int) -> String? {
    guard number >= 0 else { return nil }
    let isUsual = [0o600, 0o640, 0o644, 0o660, 0o664, 0o666, 0o700, 0o750, 0o755, 0o770, 0o775, 0o777]
      .contains(number)
    guard let mode = isUsual ? number : Int(String(number), radix: 8), mode <= 0o777 else { return nil }
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }
}

extension ValueDecoder where Value == String? {
  /// The name or the number of a user or a group; nil for an empty string. It need not exist.
  static func account(_ kind: String) -> ValueDecoder {
    ValueDecoder { value throws(ValueError) in
      switch value {
      case .string(let name): return name.isEmpty ? nil : name
      case .integer(let number) where number >= 0: return String(number)
      default: throw ValueError(expected: "the name or the number of a \(kind), or \"\" to leave it as it is")
      }
    }
  }
}
