import AmbitCore
import TestSupport

/// A valid request head made at random, with what a parser must find in it.
struct RandomRequest {
  var emptyLines: Int
  var method: String
  var path: String
  var query: String?
  var minorVersion: Int
  var fields: [(name: String, value: String)]
  var body = BodyLength.none

  init(using random: inout SeededGenerator) {
    let tokens = "abcXYZ019-_.!#$%&'*+^`|~"
    emptyLines = random.chance(10) ? random.number(1...4) : 0
    method =
      random.chance(70) ? random.element(of: ["GET", "POST", "PUT"]) : random.text(of: tokens, count: 1...12) + "x"
    path = "/" + random.text(of: "abc/%20.;:@=+&\"<>|{}", count: 0...40)
    query = random.chance(50) ? random.text(of: "abc=&?/%41", count: 0...30) : nil
    minorVersion = random.chance(80) ? 1 : 0
    fields = (0..<random.number(0...8)).map { _ in
      let name = "x" + random.text(of: tokens, count: 0...24)
      return (name, random.text(of: "ab c\t,;\"é~", count: 0...60).trimmingBlanks)
    }
    add("Host", random.element(of: ["", "a", "a.example:80", "[::1]:8080"]), using: &random)
    addFraming(using: &random)
  }

  private mutating func add(_ name: String, _ value: String, using random: inout SeededGenerator) {
    let cased = random.element(of: [name, name.lowercased(), name.uppercased()])
    fields.insert((cased, value), at: random.number(0...fields.count))
  }

  private mutating func addFraming(using random: inout SeededGenerator) {
    switch random.number(0...2) {
    case 0:
      let length = Int64.random(in: 0...Int64.max, using: &random)
      body = .known(length)
      add("Content-Length", "\(length)", using: &random)
    case 1 where minorVersion == 1:
      body = .unknown
      add("Transfer-Encoding", "chunked", using: &random)
    default: break
    }
  }

  func bytes(using random: inout SeededGenerator) -> [UInt8] {
    var text = String(repeating: "\r\n", count: emptyLines)
    text += "\(method) \(path)\(query.map { "?" + $0 } ?? "") HTTP/1.\(minorVersion)\r\n"
    for field in fields {
      text +=
        field.name + ":" + random.text(of: " \t", count: 0...3) + field.value + random.text(of: " \t", count: 0...3)
        + "\r\n"
    }
    return Array((text + "\r\n").utf8)
  }
}

extension String {
  fileprivate var trimmingBlanks: String {
    let isBlank = { (character: Character) in character == " " || character == "\t" }
    return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
  }
}
