/// The known name that a mistyped name most likely stands for, for messages that ask "did you mean".
///
/// A known name is suggested if it is at most one edit away from a name of three to five bytes, or at most two edits
/// from a longer one. An edit inserts, drops or replaces one byte, or swaps two neighbours; the case of letters does
/// not count. Of several equally near names the first one is returned. Names further away are not suggested, since a
/// bad guess is worse than none.
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

/// The optimal string alignment distance: the least number of insertions, deletions, replacements and swaps of
/// neighbours that turn one name into the other, with no byte edited twice.
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
