import Testing

@testable import AmbitHost
@testable import AmbitRuntime

/// Which loops that hang in one worker count as crashes.
@Suite struct `The hangs of a worker` {
  private var record = HangRecord()

  /// Notes loops that hang, each with the beginning of its turn and the plugin that blocks it; nil: the host.
  /// - Returns: the indices of the loops of each crash.
  private mutating func note(_ hangs: [(loop: Int, began: Int64, plugin: String?)], at moment: Int64) -> [[Int]] {
    let turns = hangs.map { HungTurn(loop: $0.loop, began: $0.began) }
    let loops = hangs.map { hang in
      HungLoop(
        index: hang.loop, phrase: "", plugin: hang.plugin, label: "", job: "", work: "handler", request: nil,
        scope: nil, thread: 0, stack: "", isGuess: false, frames: [],
        beginsWithCall: false, modules: [])
    }
    return record.note(turns, loops, at: moment).map { $0.map(\.index) }
  }

  @Test mutating func `Each plugin that blocks a loop is to blame for one crash, and so is the host`() {
    #expect(note([(2, 1, "one/1"), (0, 2, "two/1"), (1, 3, "one/1"), (3, 4, nil)], at: 10) == [[2, 1], [0], [3]])
    #expect(note([(4, 5, "three/1")], at: 11) == [[4]])
  }

  @Test mutating func `A turn that had begun when its plugin was blamed is the same crash, a later one is another`() {
    #expect(note([(0, 1, "one/1")], at: 10) == [[0]])
    #expect(note([(1, 9, "one/1")], at: 20).isEmpty)
    #expect(note([(2, 11, "one/1")], at: 21) == [[2]])
    #expect(note([(3, 0, "one/1")], at: 22).isEmpty, "it is not known when it began")
  }

  @Test mutating func `A turn that was taken note of is not taken note of again`() {
    _ = note([(0, 1, "one/1")], at: 10)
    let turns = [HungTurn(loop: 0, began: 1), HungTurn(loop: 0, began: 12), HungTurn(loop: 1, began: 1)]
    #expect(record.unnoted(turns) == Array(turns.dropFirst()))
  }
}
