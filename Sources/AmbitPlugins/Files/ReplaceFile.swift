import AmbitSystem
import Glibc

/// Puts a new file in the place of `path` in one step: whoever has the old one open or mapped keeps it, and nobody sees
/// half of the new one.
///
/// `write` creates the file under the name it is given, in the same folder, and tells whether it is to be used.
/// - Returns: what `write` returned; if false, or if it throws, the old file is untouched.
func replaceFile(
  _ path: String, _ write: (_ temporary: String) throws(FileError) -> Bool
) throws(FileError) -> Bool {
  let name = path.split(separator: "/").last ?? ""
  let temporary = "\(path.dropLast(name.utf8.count)).\(name).\(getpid()).new"
  unlink(temporary)
  do throws(FileError) {
    let isWanted = try write(temporary)
    if isWanted { _ = try systemCall("put the new file in its place", path) { rename(temporary, path) } }
    unlink(temporary)
    return isWanted
  } catch {
    unlink(temporary)
    throw error
  }
}
