import Testing

@testable import AmbitHost
@testable import AmbitRuntime

/// Whom the note of a worker about its end blames.
@Suite struct `The blame for a death` {
  /// A plugin and a library of function routes.
  private static let known = [
    "my/2": WorkerProcess.ToldGeneration(name: "my", generation: 2, isLibrary: false),
    "other/1": WorkerProcess.ToldGeneration(name: "other", generation: 1, isLibrary: false),
    "f.so/1": WorkerProcess.ToldGeneration(name: "./f.so", generation: 1, isLibrary: true),
  ]

  @Test(
    arguments: [
      ("f.so/1", nil, "f.so/1"), ("f.so/1", "f.so/1", "f.so/1"), ("f.so/1", "my/2", "f.so/1"),
      ("my/2", "f.so/1", "my/2"), ("my/2", "my/2", "my/2"), ("my/2", "other/1", "other/1"), ("my/2", nil, nil),
      ("", "f.so/1", "f.so/1"), ("", "my/2", "my/2"), ("", nil, nil), ("gone/1", "my/2", "my/2"),
    ] as [(work: String, nearest: String?, blamed: String?)])
  func `The call of a library by a route decides, else the nearest code of a plugin, or whoever has called a library`(
    work: String, nearest: String?, blamed: String?
  ) {
    let record = FlightRecord.End(
      kind: .signal(11), message: "SIGSEGV at 0x0", culprit: nearest, code: 0, address: 0, thread: 1, plugin: work,
      label: "", job: "", work: "handler", request: nil, scope: nil, stack: "", isStackGuess: false, frames: [],
      beginsWithCall: false, modules: [], registers: [], lostLog: 0)
    #expect(Death.label(in: record, Self.known) == blamed)
  }
}
