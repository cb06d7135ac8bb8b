import AmbitSystem
import Glibc

/// The names in the folder at `path`, sorted by their bytes, without "." and "..".
func namesInFolder(_ path: String) throws(FileError) -> [String] {
  guard let stream = opendir(path) else { throw FileError(subject: path, action: "list the folder", code: errno) }
  defer { closedir(stream) }
  var names = [String]()
  while true {
    errno = 0
    guard let entry = readdir(stream) else { break }
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    if name != ".", name != ".." { names.append(name) }
  }
  guard errno == 0 else { throw FileError(subject: path, action: "list the folder", code: errno) }
  return names.sorted()
}

/// A new folder for this user alone, named `prefix` and six random letters.
func makeUniqueFolder(in parent: String, prefix: String) throws(FileError) -> String {
  var template = Array("\(parent)/\(prefix)XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else {
    throw FileError(subject: parent, action: "make a private folder in it", code: errno)
  }
  return template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
}

/// Removes the folder at `path` with all that is in it; links are not followed. What cannot be removed stays.
func removeFolder(_ path: String) {
  for name in (try? namesInFolder(path)) ?? [] {
    let place = "\(path)/\(name)"
    if unlink(place) == -1, errno == EISDIR { removeFolder(place) }
  }
  rmdir(path)
}
