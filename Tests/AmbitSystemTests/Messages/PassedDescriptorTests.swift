import Glibc
import TestSupport
import Testing

@testable import AmbitSystem

@Suite struct `Descriptors in messages` {
  @Test func `Two processes pass each other listening sockets, and each serves the other's client`() throws {
    let program = try CProgram(
      "passes_sockets", tests: "AmbitSystemTests", library: "CLinux", compiler: .c, options: [], common: [])
    let folder = try TemporaryFolder()
    let pair = try DescriptorPair(socketsFor: "a test")
    let child = try startProcess(
      [program.path, folder.path(of: "theirs")], environment: [:],
      descriptors: [STDOUT_FILENO, STDERR_FILENO, pair.theirs], niceness: 0, endSignal: SIGKILL)
    let connection = MessageConnection(owned: pair.takeOurs(), limit: 4096)

    let socket = try listeningSocket(at: folder.path(of: "ours"))
    #expect(connection.send(Array("passed".utf8), passing: [socket]))
    // Only the child can accept from now on.
    close(socket)
    #expect(try answer(at: folder.path(of: "ours")) == "passed")

    let (message, descriptors) = try #require(connection.receive())
    #expect(message == Array("passed".utf8) && descriptors.count == 1)
    #expect(fcntl(descriptors[0], F_GETFD) == FD_CLOEXEC)
    let client = try Client(path: folder.path(of: "theirs"))
    let accepted = accept(descriptors[0], nil, nil)
    #expect(write(accepted, "own", 3) == 3)
    #expect(text(from: client) == "own")
    for descriptor in [accepted, descriptors[0]] { close(descriptor) }

    var status: Int32 = -1
    #expect(waitpid(child, &status, 0) == child && status == 0)
  }

  @Test func `Descriptors come with their own message, however many messages wait`() throws {
    let (one, other) = try connections()
    let pipes = try (0..<3).map { _ in try PipeOfTest() }
    #expect(one.send([1]))
    #expect(one.send([2, 2], passing: [pipes[0].writing, pipes[1].writing]))
    #expect(one.send([]))
    #expect(one.send([], passing: [pipes[2].writing]))
    #expect(one.send([UInt8](repeating: 3, count: 50_000)))
    #expect(try #require(other.receive()) == ([1], []))
    let two = try #require(other.receive())
    #expect(two.message == [2, 2] && two.descriptors.count == 2)
    #expect(try #require(other.receive()) == ([], []))
    let three = try #require(other.receive())
    #expect(three.message == [] && three.descriptors.count == 1)
    #expect(try #require(other.receive()).message.count == 50_000)
    for (pipe, descriptor) in zip(pipes, two.descriptors + three.descriptors) {
      #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC)
      #expect(write(descriptor, "x", 1) == 1)
      #expect(pipe.take() == 1)
      close(descriptor)
    }
  }

  @Test func `A message larger than the socket's buffer passes its descriptors once`() throws {
    let (one, other) = try connections()
    let pipe = try PipeOfTest()
    let message = [UInt8](repeating: 9, count: 3 << 20)
    try SystemThread(for: "a test") { one.send(message, passing: [pipe.writing]) }.detach()
    let received = try #require(other.receive())
    #expect(received.message == message && received.descriptors.count == 1)
    for descriptor in received.descriptors { close(descriptor) }
  }

  @Test func `As many descriptors as the kernel takes are passed, and one more is refused`() throws {
    let (one, other) = try connections()
    let pipe = try PipeOfTest()
    let most = [Int32](repeating: pipe.writing, count: MessageConnection.mostDescriptors)
    #expect(one.send([1], passing: most))
    let received = try #require(other.receive())
    #expect(Set(received.descriptors).count == most.count)
    for descriptor in received.descriptors { close(descriptor) }
    #expect(!one.send([2], passing: most + [pipe.writing]))
    #expect(!one.send([3], passing: [1 << 20]))
    // What was refused has left nothing in the connection.
    #expect(one.send([4]))
    #expect(try #require(other.receive()) == ([4], []))
  }

  @Test func `Descriptors for which the process has no room are -1, and the message comes all the same`() async throws {
    // In a process of its own, since the limit is the whole process's.
    await #expect(processExitsWith: .success) {
      let (one, other) = try connections()
      let pipe = try PipeOfTest()
      let sent = [Int32](repeating: pipe.writing, count: 5)
      guard one.send([7], passing: sent) else { exit(2) }
      // All lower numbers are in use, so there is room for two.
      var last = dup(0)
      while last < 300 { last = dup(0) }
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      limit.rlim_cur = rlim_t(last) + 3
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      guard let (message, descriptors) = other.receive(), message == [7], descriptors.count == 5 else { exit(3) }
      let missing = descriptors.drop { $0 >= 0 }
      guard missing.count >= 3, missing.allSatisfy({ $0 == -1 }) else { exit(4) }
      guard one.send([8]), other.receive()?.message == [8] else { exit(5) }
      exit(0)
    }
  }
}

/// Both ends of a connection, in this process.
func connections(limit: Int = 1 << 30) throws -> (MessageConnection, MessageConnection) {
  var ends: [Int32] = [-1, -1]
  try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
  return (MessageConnection(inherited: ends[0], limit: limit), MessageConnection(inherited: ends[1], limit: limit))
}

private func listeningSocket(at path: String) throws -> Int32 {
  let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
  let size = socklen_t(MemoryLayout<sockaddr_un>.size)
  let status = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
  }
  try #require(status == 0 && listen(descriptor, 8) == 0)
  return descriptor
}

/// What the process that accepts at `path` writes.
private func answer(at path: String) throws -> String { text(from: try Client(path: path)) }

private func text(from client: Client) -> String {
  var bytes = [UInt8](repeating: 0, count: 64)
  let count = read(client.descriptor, &bytes, bytes.count)
  return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
}

private final class PipeOfTest: Sendable {
  let writing: Int32
  private let reading: Int32

  init() throws {
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    (reading, writing) = (ends[0], ends[1])
  }

  deinit { for end in [reading, writing] { close(end) } }

  /// How many bytes are in the pipe.
  func take() -> Int {
    var bytes = [UInt8](repeating: 0, count: 64)
    return read(reading, &bytes, bytes.count)
  }
}
