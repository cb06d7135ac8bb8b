internal import AmbitCore
internal import AmbitSystem

/// A file that a library was built from, or the library itself, as it was at that moment.
struct BuildInput: Equatable {
  /// Its path: absolute, or relative to the folder of the plugins, which may move with all that is in it.
  let path: String
  let state: FileState
  /// The SHA-256 of its content; nil for files outside of the folder of the plugins. Those are many (a C++ compiler
  /// reads some hundred), and they are installed and not copied to and fro.
  let hash: String?

  /// - Parameter folder: The folder of the plugins.
  init(_ path: String, in folder: String) throws(FileError) {
    let place = Self.place(of: path, in: folder)
    state = FileState(try FileStatus(of: place))
    hash = path.hasPrefix("/") ? nil : try Self.hash(of: OpenFile(reading: place))
    self.path = path
  }

  init(path: String, state: FileState, hash: String?) { (self.path, self.state, self.hash) = (path, state, hash) }

  /// The path that the system finds a recorded path by.
  static func place(of path: String, in folder: String) -> String { path.hasPrefix("/") ? path : "\(folder)/\(path)" }

  static func hash(of file: OpenFile) throws(FileError) -> String {
    var pieces = SHA256.Pieces()
    try file.readPieces(upTo: .max) { pieces.append($0.span) }
    return pieces.hash.description
  }

  /// Whether the file is still the same.
  ///
  /// Its state tells without reading it: any change gives another one, whatever the time of the file is set to. A file
  /// that was copied with its time has another state, too (and perhaps a less exact time, as archives store it). Then
  /// its content decides, if the record has a hash. Another size or time means a change: `touch` has its plugin built,
  /// as make(1) does.
  func isUnchanged(in folder: String) -> Bool {
    let place = Self.place(of: path, in: folder)
    guard let status = try? FileStatus(of: place) else { return false }
    let now = FileState(status)
    if now == state { return true }
    guard let hash, now.size == state.size, now.hasTime(of: state) else { return false }
    return (try? Self.hash(of: OpenFile(reading: place))) == hash
  }
}

/// What the system tells about a file. It differs after every change: the kernel sets the time of the last change of
/// the inode, and no program can.
struct FileState: Equatable {
  let size: Int
  /// Last change of the content, in nanoseconds since 1970, as programs may set it.
  let modified: Int64
  /// Last change of the inode, in nanoseconds since 1970.
  let changed: Int64
  let device: UInt64
  let inode: UInt64

  init(_ status: FileStatus) {
    (size, modified, changed) = (status.size, status.modified, status.changed)
    (device, inode) = (status.device, status.inode)
  }

  /// Reads what `text` gives.
  init?(_ words: some Collection<Substring>) {
    let words = Array(words)
    guard words.count == 5, let size = Int(words[0]), let modified = Int64(words[1]), let changed = Int64(words[2]),
      let device = UInt64(words[3]), let inode = UInt64(words[4])
    else { return nil }
    (self.size, self.modified, self.changed, self.device, self.inode) = (size, modified, changed, device, inode)
  }

  var text: String { "\(size) \(modified) \(changed) \(device) \(inode)" }

  /// Whether the time of the content is that of the other state, or is that time cut to microseconds, milliseconds or
  /// seconds. A time that merely lies within the same second is another one: `touch` may follow a change at once.
  func hasTime(of other: FileState) -> Bool {
    [1, 1000, 1_000_000, 1_000_000_000].contains { modified == other.modified - other.modified % $0 }
  }
}
