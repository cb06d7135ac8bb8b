import AmbitRuntime
import Glibc
import Testing

@testable import AmbitHost
@testable import AmbitSystem

/// What one program hands to the next one in an upgrade.
@Suite struct `Taking over from another program` {
  /// Whoever changes what is handed over finds out here that programs before the change must not hand over to programs
  /// after it: raise `TakeOver.format`, and put the new sum here.
  @Test func `The number of the format belongs to the bytes that are handed over`() throws {
    let bytes = MessageEncoder.encode(try value()) + WorkerMessage.order(.newWorkersServe, number: 0)
    let sum = bytes.reduce(UInt64(bytes.count)) { $0 &* 1_099_511_628_211 &+ UInt64($1) }
    #expect(TakeOver.format == 2 && sum == 7_376_354_728_868_679_348, "the sum is \(sum)")
  }

  @Test func `What was handed over is read as it was written`() throws {
    let bytes = MessageEncoder.encode(try value())
    let read = try MessageDecoder.decode(TakeOver.self, from: bytes[...])
    #expect(read.order.program == "/opt/ambit" && read.crashes == [3, 0] && read.failure == ["why"])
    #expect(read.listeners.first?.socket.file?.made?.inode == 9)
    #expect(read.states.first?.state.size == 4 && MessageEncoder.encode(read) == bytes)
  }

  @Test(arguments: ["/opt/ambit", "/home/a b/ä%&?+#/ambit", "/\u{1}"])
  func `The path of a program goes through the query of an order`(path: String) {
    let text = AdminQuery.text("program", path)
    #expect(text.utf8.allSatisfy { $0 > 32 && $0 < 127 })
    #expect(!text.dropFirst("program=".count).contains { "?&#+ ".contains($0) })
    #expect(AdminQuery.value(of: "program", in: text) == path)
  }

  @Test(arguments: ["", "program", "program=%", "program=%4", "program=%zz", "program=%00", "other=/a"])
  func `A malformed query names no program`(query: String) {
    #expect(AdminQuery.value(of: "program", in: query) == nil)
  }

  /// A value in which each optional part is there.
  private func value() throws -> TakeOver {
    let file = OwnSocketFile.Legacy(path: "/a", place: "/b", made: FileStatus(inode: 9))
    let socket = ListeningSocket.Legacy(
      descriptor: 5, relay: 6, url: "unix:/a", note: "note", address: "unix:/a", isActivated: false, file: file)
    let rights = SocketRights(mode: 0o600, owner: 1, group: 2)
    let bytes: [UInt8] = [1, 0, 0, 0]
    let state = try #require(bytes.withUnsafeBytes { HandedOverState(version: 7, copying: $0) })
    return TakeOver(
      order: UpgradeOrder(number: 2, program: "/opt/ambit"), version: "0.1.0", program: "/usr/bin/ambit",
      programFile: 7,
      hostBegan: 10, began: 20, start: 30, startLimit: 40,
      configuration: ConfigurationText(bytes: Array("workers = 1".utf8), name: "host.conf"),
      listeners: [TakeOver.Listener(socket: socket, address: "unix:/a", rights: rights, isUnused: false)],
      workers: [
        TakeOver.Worker(index: 1, pid: 99, mark: "4503599627370497", isDraining: false, connection: 8)
      ], crashes: [3, 0],
      generationNumbers: ["hello": 4],
      states: [TakeOver.PluginState(plugin: "hello", worker: 1, state: state)], failure: ["why"])
  }
}

extension FileStatus {
  /// A regular file, with numbers that differ.
  fileprivate init(inode: UInt64) {
    var status = stat()
    status.st_ino = __ino_t(inode)
    status.st_mode = S_IFREG | 0o644
    (status.st_size, status.st_uid, status.st_gid, status.st_dev) = (1, 2, 3, 4)
    self.init(status)
  }
}
