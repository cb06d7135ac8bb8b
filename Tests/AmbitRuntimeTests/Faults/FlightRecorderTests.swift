import AmbitRuntime
import Glibc
import TestSupport
import Testing

/// The memory in which a worker notes its end, read by its supervisor.
@Suite struct `A flight recorder` {
  @Test func `A recorder that no worker has used says nothing`() throws {
    let recorder = try #require(FlightRecorder())
    #expect(recorder.read(loops: 4) == nil)
  }

  @Test(arguments: [(SIGKILL, false), (SIGTERM, false), (SIGSEGV, true), (SIGABRT, true)])
  func `A note about the end by a signal is believed only if the signal can be handled`(signal: Int32, isBelieved: Bool)
    throws
  {
    let recorder = try #require(FlightRecorder())
    var status = stat()
    try #require(fstat(recorder.passedDescriptor, &status) == 0)
    var words = [UInt64](repeating: 0x4141_4141_4141_4141, count: Int(status.st_size) / 8)
    words[0] = 0x414d_4249_5400_0001
    // The record begins at the second page: it is whole, and is about the end by a signal.
    (words[512], words[514]) = (2, UInt64(signal))
    try #require(pwrite(recorder.passedDescriptor, words, words.count * 8, 0) == words.count * 8)
    let record = try #require(recorder.read(loops: 1))
    #expect((record.end != nil) == isBelieved)
  }

  @Test(arguments: 0..<6) func `Whatever code of a plugin has written into it, a recorder is read without harm`(
    seed: UInt64
  ) throws {
    var random = SeededGenerator(seed: seed)
    let recorder = try #require(FlightRecorder())
    var status = stat()
    try #require(fstat(recorder.passedDescriptor, &status) == 0)
    // Small numbers, too, which are indices and counts.
    let mask: UInt64 = seed.isMultiple(of: 2) ? .max : 0x0303_0303_0303_0303
    var words = (0..<Int(status.st_size) / 8).map { _ in random.next() & mask }
    // The word by which the memory is known.
    words[0] = 0x414d_4249_5400_0001
    let size = words.count * 8
    try #require(pwrite(recorder.passedDescriptor, words, size, 0) == size)
    let record = try #require(recorder.read(loops: 300))
    let running = record.running
    #expect(running.count <= 512)
    #expect(running.allSatisfy { $0.plugin.utf8.count <= 300 && $0.label.utf8.count <= 456 && !$0.work.isEmpty })
    guard let end = record.end else { return }
    let (frames, modules) = (end.frames, end.modules.count)
    #expect(frames.count <= 40 && modules <= 16)
    #expect(frames.allSatisfy { $0.module.map { $0 < modules } ?? true })
    #expect(end.message.utf8.count < 3 * 608)
  }
}
