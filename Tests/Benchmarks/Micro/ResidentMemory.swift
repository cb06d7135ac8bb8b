internal import Glibc

/// The memory of this process that is not only promised.
enum ResidentMemory {
  /// From the second number of /proc/self/statm, which counts pages: proc_pid_statm(5).
  static var bytes: Int {
    guard let file = fopen("/proc/self/statm", "r") else { fatalError("ambit-micro: /proc/self/statm cannot be read") }
    defer { fclose(file) }
    var total = 0
    var resident = 0
    let count = withUnsafeMutablePointer(to: &total) { total in
      withUnsafeMutablePointer(to: &resident) { resident in
        withVaList([total, resident]) { vfscanf(file, "%ld %ld", $0) }
      }
    }
    precondition(count == 2, "ambit-micro: /proc/self/statm: expected two numbers, found \(count)")
    return resident * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
