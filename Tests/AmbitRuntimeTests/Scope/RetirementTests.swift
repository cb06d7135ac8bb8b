import AmbitCore
import Testing

@testable import AmbitRuntime

@Suite struct Retiring {
  @Test func `A retiring plugin without requests tells so at once, and its background work goes on`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      plugin.spawn("background") { $0.sleep() }
      plugin.retire(drain: .max)
      stage.note("\(plugin.pointee.cause)")
      stage.afterTurns(2) { plugin.cancel(.retired) }
    }
    #expect(steps == ["drained", "none", "background ends cancelled CANCELLED", "plugin closes: retired"])
  }

  @Test func `A retiring plugin waits for its last request`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin { $0.cancel(.retired) }
      let requests = ["one", "two"].map { stage.open($0, kind: .request, below: plugin) }
      plugin.spawn("background") { $0.sleep() }
      plugin.retire(drain: .max)
      stage.note("\(stage.loop.pointee.liveRequests) requests")
      stage.afterTurns(2) {
        requests[0].cancel(.done)
        stage.note("\(plugin.pointee.requestCount) left, \(plugin.pointee.cause)")
        requests[1].cancel(.disconnect)
      }
    }
    #expect(
      steps == [
        "2 requests", "one closes: done", "1 left, none", "two closes: disconnect", "drained",
        "background ends cancelled CANCELLED", "plugin closes: retired",
      ])
  }

  @Test func `A retiring plugin cancels its last requests when the drain time is over`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      stage.open("request", kind: .request, below: plugin).spawn("job") { $0.sleep() }
      plugin.retire(drain: 1_000_000)
    }
    #expect(steps == ["job ends cancelled CANCELLED", "request closes: retired", "drained", "plugin closes: retired"])
  }

  @Test func `A shutdown cancels a retiring plugin`() throws {
    let steps = try Stage.play { stage in
      let plugin = stage.openPlugin()
      stage.open("request", kind: .request, below: plugin).spawn("job") { $0.sleep() }
      plugin.retire(drain: .max)
      stage.afterTurns(2) { plugin.cancel(.shutdown) }
    }
    #expect(
      steps == ["job ends cancelled CANCELLED", "request closes: shutdown", "drained", "plugin closes: shutdown"])
  }
}
