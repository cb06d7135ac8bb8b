import TestSupport

extension SeededGenerator {
  mutating func text(of characters: String, count: ClosedRange<Int>) -> String {
    let characters = Array(characters)
    return String((0..<number(count)).map { _ in element(of: characters) })
  }

  /// Places to cut `count` bytes at, in order: every byte, one place, or some places.
  mutating func cuts(of count: Int) -> [Int] {
    if chance(20) { return Array(0...count) }
    return (0..<number(1...6)).map { _ in number(0...count) }.sorted()
  }

  /// The bytes with a few of them changed, dropped, doubled, swapped, or set to one that means something in HTTP.
  mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<number(1...3) where bytes.count > 1 {
      let place = number(0...bytes.count - 1)
      switch number(0...5) {
      case 0: bytes[place] = UInt8(number(0...255))
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(bytes[place], at: place)
      case 3: bytes.swapAt(place, number(0...bytes.count - 1))
      case 4: bytes.insert(element(of: "\r\n\t :;,=\"\\/?*#%0\u{0}\u{7f}".utf8), at: place)
      default: bytes.removeSubrange(place..<min(bytes.count, place + number(1...8)))
      }
    }
    return bytes
  }
}
