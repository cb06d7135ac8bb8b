import AmbitCore
import CAmbit
import Testing

@testable import AmbitRuntime

@Suite struct HostTables {
  @Test func `say their size and version`() {
    let api = HostTable { _ in }.pointer.pointee
    #expect(api.size == UInt32(MemoryLayout<ambit_api>.size))
    #expect(api.major == UInt16(AMBIT_ABI_MAJOR))
    #expect(api.minor == UInt16(AMBIT_ABI_MINOR))
  }

  @Test func `have an entry at every place that the runtime answers`() {
    let table = HostTable { _ in }.pointer
    let words = UnsafeRawPointer(table).assumingMemoryBound(to: UInt.self)
    let request = MemoryLayout<ambit_api>.offset(of: \.method)! / 8
    let plugin = MemoryLayout<ambit_api>.offset(of: \.state)! / 8
    let end = MemoryLayout<ambit_api>.size / 8
    let missing = (Array(1..<request) + Array(plugin..<end)).filter { words[$0] == 0 }
    #expect(missing == [])
  }

  @Test func `hold what a protocol adds`() {
    let table = HostTable { api in api.body_length = { _ in 42 } }
    #expect(table.pointer.pointee.body_length(nil) == 42)
  }
}
