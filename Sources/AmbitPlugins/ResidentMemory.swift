internal import AmbitRuntime
internal import AmbitSystem

/// How much memory the mapped files of this process take: proc(5), smaps.
package enum ResidentMemory {
  /// Resident bytes of each file that is mapped, by its path. Blocks for some milliseconds; empty if the system does not
  /// tell.
  package static func byFile() -> [String: Int] {
    guard let text = try? TextFile.read("/proc/self/smaps", upTo: .max) else { return [:] }
    return sums(text)
  }

  /// Adds up the mappings in a text in the form of smaps.
  package static func sums(_ text: String) -> [String: Int] {
    var sums: [String: Int] = [:]
    var path: Substring?
    for line in text.split(separator: "\n") {
      if line.hasPrefix("Rss:") {
        guard let path, let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
          continue
        }
        sums[String(path), default: 0] += kibibytes * 1024
      } else if line.first?.isHexDigit == true, !line.prefix(while: { $0 != " " }).contains(":") {
        // ADDRESSES PERMISSIONS OFFSET DEVICE INODE PATH
        path = line.firstIndex(of: "/").map { line[$0...] }
      }
    }
    return sums
  }
}
