/// The known name that a mistyped one most likely meant, for messages that ask "did you mean".
///
/// Near means one edit for names of three to five bytes and two edits for longer ones, where an edit inserts, drops or
/// replaces one byte or swaps two neighbours, and a letter of the other case is no edit at all. Of several that are
/// equally near the first is returned. A name further than that from every known one gets none: a bad guess is worse
/// than no guess.
public func suggestion(for name: String, among known: some Sequence<String>) -> String? {
  let wanted = name.utf8.map(lowercased)
  let allowance =
    switch wanted.count {
    case ...2: 0
    case ...5: 1
    default: 2
    }
  var nearest: (name: String, distance: Int)?
  for candidate in known {
    let bytes = candidate.utf8.map(lowercased)
    guard abs(bytes.count - wanted.count) <= allowance else { continue }
    let distance = editDistance(wanted, bytes)
    if distance <= allowance, distance < nearest?.distance ?? .max { nearest = (candidate, distance) }
  }
  return nearest?.name
}

/// ASCII letters folded to lower case, every other byte as it is.
private func lowercased(_ byte: UInt8) -> UInt8 {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

/// The least number of insertions, deletions, replacements and swaps of neighbours that turn one into the other, no
/// byte being edited twice (the optimal string alignment distance).
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var beforeLast = [Int]()
  var last = Array(0...right.count)
  for row in left.indices {
    var current = [row + 1]
    for column in right.indices {
      let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
      var least = min(replaced, last[column + 1] + 1, current[column] + 1)
      if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
        least = min(least, beforeLast[column - 1] + 1)
      }
      current.append(least)
    }
    beforeLast = last
    last = current
  }
  return last[right.count]
}
