extension LoopGroup {
  /// A sentence about each loop that does not turn within `patience` nanoseconds: it names what holds the loop up. From
  /// threads that may block.
  public func silence(within patience: Int64) -> [String] {
    let turning = Set(onEach(within: patience) { $0.pointee.index })
    return loops.filter { !turning.contains($0.record.pointee.index) }.map { loop in
      "loop \(loop.record.pointee.index) does not turn: \(WorkName(observing: loop.record).subject) holds it up"
    }
  }
}

extension WorkName {
  /// Who works, as the subject of a sentence.
  fileprivate var subject: String {
    guard let scope, let plugin = scope.plugin else { return "work of the host" }
    let names = [scope.route, job].filter { !$0.isEmpty }.joined(separator: ", job ")
    return "\(kind.phrase) of plugin \(plugin)" + (names.isEmpty ? "" : " (\(names))")
  }
}
