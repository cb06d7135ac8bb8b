import Foundation
import TestSupport
import Testing

extension Host {
  /// The socket of the admin API, where it is by default.
  var adminSocket: String { directory.appending(path: ".ambit.sock").filePath }

  /// Asks the admin API with curl, whose further arguments come before the address.
  func admin(_ path: String, _ arguments: String...) async throws -> CommandResult {
    let all = ["-sS", "--unix-socket", adminSocket] + arguments + ["http://ambit\(path)"]
    return try await run("curl", all)
  }

  /// What the admin API's JSON says.
  func adminJSON(_ path: String, _ arguments: String...) async throws -> JSONObject {
    let all = ["-sS", "--unix-socket", adminSocket] + arguments + ["http://ambit\(path)"]
    return try JSONObject(await run("curl", all).output)
  }
}

/// An object of JSON, to be asked by name.
struct JSONObject {
  private let members: [String: Any]

  init(_ bytes: [UInt8]) throws {
    let value = try JSONSerialization.jsonObject(with: Data(bytes))
    members = try #require(value as? [String: Any], "\(String(decoding: bytes, as: UTF8.self))")
  }

  private init(_ members: [String: Any]) { self.members = members }

  var names: Set<String> { Set(members.keys) }

  func text(_ name: String) -> String? { members[name] as? String }
  func number(_ name: String) -> Int? { members[name] as? Int }
  func flag(_ name: String) -> Bool? { members[name] as? Bool }
  func texts(_ name: String) -> [String] { members[name] as? [String] ?? [] }
  func object(_ name: String) -> JSONObject { JSONObject(members[name] as? [String: Any] ?? [:]) }

  func objects(_ name: String) -> [JSONObject] {
    (members[name] as? [[String: Any]] ?? []).map { JSONObject($0) }
  }
}
