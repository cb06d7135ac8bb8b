import Glibc
import Synchronization

/// Held while a pipe is made and while a process is started. Glibc's module does not offer `pipe2`, so between `pipe` and
/// `fcntl` another test's child could inherit the ends, and a stray copy of an end keeps the other from seeing its end.
let descriptorInheritance = Mutex(())

/// A pipe whose ends no child inherits.
struct PipeEnds {
  let reading: Int32
  let writing: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    let result = descriptorInheritance.withLock { _ in
      let result = pipe(&ends)
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      return result
    }
    guard result == 0 else { throw HarnessError.system(call: "pipe", code: errno) }
    (reading, writing) = (ends[0], ends[1])
  }
}

/// Hands each piece read from `descriptor` to `consume` until the end, then closes it. Blocks.
func drain(_ descriptor: Int32, _ consume: (ArraySlice<UInt8>) -> Void) {
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = read(descriptor, &buffer, buffer.count)
    if count > 0 {
      consume(buffer[..<count])
    } else if count == 0 || errno != EINTR {
      break
    }
  }
  close(descriptor)
}
