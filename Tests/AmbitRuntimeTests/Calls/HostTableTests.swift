import AmbitCore
import CAmbit
import Glibc
import Testing

@testable import AmbitRuntime

@Suite struct HostTables {
  @Test func `A table tells its size and version`() throws {
    let api = try HostTable { _ in }.pointer.pointee
    #expect(api.size == UInt32(MemoryLayout<ambit_api>.size))
    #expect(api.major == UInt16(AMBIT_ABI_MAJOR))
    #expect(api.minor == UInt16(AMBIT_ABI_MINOR))
  }

  @Test func `A table has an entry for every call of the runtime`() throws {
    let table = try HostTable { _ in }.pointer
    let words = UnsafeRawPointer(table).assumingMemoryBound(to: UInt.self)
    let request = MemoryLayout<ambit_api>.offset(of: \.method)! / 8
    let plugin = MemoryLayout<ambit_api>.offset(of: \.state)! / 8
    let end = MemoryLayout<ambit_api>.size / 8
    let missing = (Array(1..<request) + Array(plugin..<end)).filter { words[$0] == 0 }
    #expect(missing == [])
  }

  @Test func `The extension ambit.worker/1 names the worker and how many there are`() throws {
    for place in [nil, WorkerPlace(index: 2, count: 3)] {
      let group = try LoopGroup(
        count: 2, table: HostTable { _ in }, limits: RuntimeLimits(), place: place ?? .only)
      defer { group.stop() }
      let found = group.onEach { loop in
        let extension1 = ambit_extension(loop.pointee.root.asHandle, "ambit.worker/1")
        let worker = extension1!.load(as: ambit_worker.self)
        return [Int(worker.size), Int(worker.index), Int(worker.count)]
      }
      #expect(found == Array(repeating: [16, place?.index ?? 1, place?.count ?? 1], count: 2))
    }
  }

  @Test func `A table has the calls that a protocol adds`() throws {
    let table = try HostTable { api in api.body_length = { _ in 42 } }
    #expect(table.pointer.pointee.body_length(nil) == 42)
  }

  @Test(arguments: [false, true]) func `A table cannot be written`(isChecked: Bool) throws {
    let table = try HostTable(isChecked: isChecked) { _ in }
    let first = UnsafeMutableRawPointer(mutating: table.pointer)
    for address in [first, first + MemoryLayout<ambit_api>.stride, first + 2 * MemoryLayout<ambit_api>.stride - 8] {
      #expect(isWriteProtected(address))
    }
  }

  /// Whether the system itself could not write there: read(2) says so, and does not fault.
  private func isWriteProtected(_ address: UnsafeMutableRawPointer) -> Bool {
    let zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC)
    defer { close(zeros) }
    return read(zeros, address, 8) == -1 && errno == EFAULT
  }
}
