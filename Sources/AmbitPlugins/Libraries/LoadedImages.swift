internal import AmbitCore
internal import AmbitRuntime
internal import AmbitSystem
internal import Glibc

/// The files that this process has mapped: proc(5), maps.
struct LoadedImages {
  private struct Image {
    let addresses: Range<UInt>
    let isCode: Bool
    let device: UInt64
    let inode: UInt64
    let path: String
    /// Whether the file was replaced or removed.
    let isGone: Bool
  }

  private let images: [Image]

  /// The files that are mapped now; nil if the system does not list them.
  init?() {
    guard let file = try? OpenFile(reading: "/proc/self/maps"), let bytes = try? file.readHead(upTo: 64 << 20) else {
      return nil
    }
    self.init(String(fileName: bytes))
  }

  /// Reads a text in the form of maps: ADDRESSES PERMISSIONS OFFSET DEVICE INODE PATH.
  init(_ maps: String) {
    images = maps.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
      guard fields.count == 6, let inode = UInt64(fields[4]), inode != 0 else { return nil }
      let addresses = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      let device = fields[3].split(separator: ":").compactMap { UInt64($0, radix: 16) }
      guard device.count == 2, addresses.count == 2, addresses[0] <= addresses[1] else { return nil }
      let path = fields[5].drop { $0 == " " }
      let isGone = path.hasSuffix(Self.goneMark)
      return Image(
        addresses: addresses[0]..<addresses[1], isCode: fields[1].dropFirst(2).hasPrefix("x"),
        device: deviceNumber(device[0], device[1]), inode: inode,
        path: String(isGone ? path.dropLast(Self.goneMark.count) : path), isGone: isGone)
    }
  }

  private static let goneMark = " (deleted)"

  /// The path of each library when it was mapped.
  var paths: Set<String> { Set(images.filter(\.isCode).map(\.path)) }

  /// Whether the code of the file at `path` is mapped. A file of which only data are mapped is no library in use. File
  /// systems with several devices (Btrfs, overlays) have another device here than in stat(2), so an equal path counts
  /// too.
  func contains(fileAt path: String) -> Bool {
    guard let status = try? FileStatus(of: path) else { return false }
    let real = Paths.real(path)
    return images.contains { image in
      image.isCode && !image.isGone && image.inode == status.inode
        && (image.device == status.device || image.path == real)
    }
  }

  /// Whether the file that was mapped to `address` has been replaced or removed since.
  func hasLostFile(at address: UInt) -> Bool {
    guard let image = images.first(where: { $0.addresses.contains(address) }) else { return false }
    return image.isGone || (try? FileStatus(of: image.path)).map { $0.inode != image.inode } ?? false
  }
}

/// makedev(3).
private func deviceNumber(_ major: UInt64, _ minor: UInt64) -> UInt64 {
  (major & 0xfff) << 8 | (major & ~0xfff) << 32 | (minor & 0xff) | (minor & ~0xff) << 12
}

/// The memory that the mapped files of this process take: proc(5), smaps.
package enum ResidentMemory {
  /// Resident bytes of each mapped file, by path. Blocks for some milliseconds. Empty if the system does not tell.
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
