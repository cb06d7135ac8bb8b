import AmbitCore
import AmbitSystem
import Glibc

/// Hands the bytes of the file at `path` to `body`, mapped and not read: what `body` does not look at takes no memory.
///
/// Only for files that nobody else changes, such as private copies: where a file becomes shorter while it is mapped, the
/// process ends with SIGBUS.
func withMappedBytes<Value>(
  of path: String, _ body: (Span<UInt8>) throws(ELFError) -> Value
) throws(FileError) -> Result<Value, ELFError> {
  let descriptor = try systemCall("open it", path) { open(path, O_RDONLY | O_CLOEXEC) }
  defer { close(descriptor) }
  var status = stat()
  _ = try systemCall("examine it", path) { fstat(descriptor, &status) }
  let size = Int(status.st_size)
  guard size > 0 else {
    // mmap(2) refuses to map nothing.
    let nothing: [UInt8] = []
    return Result { () throws(ELFError) in try body(nothing.span) }
  }
  guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
    throw FileError(subject: path, action: "map it", code: errno)
  }
  defer { munmap(address, size) }
  let bytes = UnsafeRawBufferPointer(start: address, count: size).assumingMemoryBound(to: UInt8.self)
  return Result { () throws(ELFError) in try body(bytes.span) }
}
