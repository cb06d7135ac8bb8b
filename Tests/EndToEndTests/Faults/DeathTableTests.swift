import Foundation
import TestSupport
import Testing

/// The first table in Deaths.md: each way in which code of a plugin ends its worker, from each place where the host runs
/// such code.
@Suite(.disabled(if: Places.isSanitized)) struct `The table of deaths` {
  @Test(arguments: PluginDeath.all, PluginPlace.all)
  func `Each death from each place costs, blames and reports what the table says`(
    death: PluginDeath, place: PluginPlace
  ) async throws {
    switch (death.isLoop && !place.isOnLoop, place.name) {
    case (true, "start"), (true, "save"): try await loopFailsReload(in: place)
    case (true, "stop"): try await loopLeavesOldGeneration()
    case (true, _): try await loopLeavesWorker(in: place)
    case (false, "start"), (false, "save"): try await deathFailsReload(death, in: place)
    case (false, "stop"): try await deathFollowsReload(death, in: place)
    case (false, _): try await deathEndsOneWorker(death, in: place)
    }
  }

  private func withMortalHost(
    _ death: PluginDeath, setting: String = "", _ body: @Sendable (Host, BusyWorkers) async throws -> Void
  ) async throws {
    try await withHost(
      [.probe("mortal"), .probe("deaths")], configuration: death.configuration + setting,
      environment: ["SWIFT_BACKTRACE": "enable=no"]
    ) { host in
      try await body(host, BusyWorkers(of: host))
    }
  }

  /// The setting that makes a lifecycle call do it. Another `version` leads to a new generation.
  private func setting(_ how: String, in place: PluginPlace, version: Int) -> String {
    "[plugin.mortal]\n\(place.name) = \"\(how)\"\nversion = \(version)\n"
  }

  /// A request ends its worker. The requests of that worker are lost; the other one serves on.
  private func deathEndsOneWorker(_ death: PluginDeath, in place: PluginPlace) async throws {
    try await withMortalHost(death) { host, workers in
      let position = host.log.position
      try await workers.doomed.ask("/in/\(place.name)/\(death.how)")
      let line = try await host.log.line(after: position, containing: " died: ")
      try await host.expectAnswers()
      death.expect(line, in: place, of: "mortal/1")
      #expect(line.field("pid") == "\(workers.doomed.pid)", "\(line)")
      for lost in [workers.doomed, workers.beside] { #expect(try await lost.client.rest().isEmpty) }
      let again = try await host.log.line(after: line.number, containing: "serves again")
      #expect(again.field("worker") == line.field("worker") && again.field("ms") != nil, "\(again)")
      try workers.release(in: host)
      #expect(try await workers.other.client.response().text == "held\n")
      try await host.expectAnswers("/in/handler/nothing")
      let crashes = try await host.twoServingWorkers().map { $0.number("crashes") ?? 0 }
      #expect(crashes.reduce(0, +) == 1)
      #expect(try await host.crashes(of: "mortal") == [death.isBlamed ? 1 : 0])
    }
  }

  /// The new generation, or the old one that is to hand over, ends each worker. After two tries the old one serves on.
  private func deathFailsReload(_ death: PluginDeath, in place: PluginPlace) async throws {
    let isStart = place.name == "start"
    let first = isStart ? "" : setting(death.how, in: place, version: 1)
    try await withMortalHost(death, setting: first) { host, workers in
      let position = host.log.position
      try host.configure(death.configuration + self.setting(death.how, in: place, version: 2))
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1) && reload.text.contains("failed  mortal/1"), "\(reload.text)")
      #expect(reload.text.contains("all workers ended while they loaded and started it"), "\(reload.text)")
      try await host.expectAnswers()
      for line in try await host.log.lines(2, after: position, where: { $0.contains(" died: ") }) {
        death.expect(line, in: place, of: isStart ? "mortal/2" : "mortal/1")
      }
      for lost in [workers.beside, workers.other] { #expect(try await lost.client.rest().isEmpty) }
      _ = try await host.twoServingWorkers()
      try await host.expectAnswers("/in/handler/nothing")
      // A generation that has never served has no history.
      let isCounted = death.isBlamed && !isStart
      try await eventually(until: { $0.count == 1 && ($0[0] >= 2) == isCounted }) {
        try await host.crashes(of: "mortal")
      }
    }
  }

  /// The generation that was replaced ends each worker. The new one serves in the next ones.
  private func deathFollowsReload(_ death: PluginDeath, in place: PluginPlace) async throws {
    try await withMortalHost(death, setting: setting(death.how, in: place, version: 1)) { host, workers in
      let position = host.log.position
      try host.configure(death.configuration + self.setting(death.how, in: place, version: 2))
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(0) && reload.text.contains("changed  mortal/2"), "\(reload.text)")
      let lines = try await host.log.lines(2, after: position) { $0.contains(" died: ") }
      for line in lines { death.expect(line, in: place, of: "mortal/1") }
      #expect(Set(lines.map { $0.field("worker") }) == ["1", "2"])
      _ = try await host.log.lines(2, after: position) { $0.contains("serves again") }
      for lost in [workers.beside, workers.other] { #expect(try await lost.client.rest().isEmpty) }
      try await host.expectAnswers("/in/handler/nothing")
      _ = try await host.twoServingWorkers()
      #expect(try await host.crashes(of: "mortal") == [death.isBlamed ? 2 : 0, 0])
    }
  }

  /// Nobody ends a pool thread, or a thread of the plugin's own, which does not return. The worker serves on.
  private func loopLeavesWorker(in place: PluginPlace) async throws {
    try await withMortalHost(.endlessLoop) { host, workers in
      let position = host.log.position
      try await workers.doomed.ask("/in/\(place.name)/loop-that-rests")
      try await host.log.line(after: position) { $0.text == "loops" }
      try await host.expectAnswers("/in/handler/nothing")
      workers.doomed.client.close()
      if !place.isThreadOfPlugin {
        let line = try await host.log.line(after: position, containing: "a job has not returned 1 s after its cancel")
        #expect(line.field("plugin") == "mortal/1" && line.field("job") == place.job, "\(line)")
      }
      try await expectNoDeath(host, workers)
    }
  }

  /// The reload gives the call up after `dry_run_timeout`.
  private func loopFailsReload(in place: PluginPlace) async throws {
    let how = "loop-that-rests"
    let first = place.name == "start" ? "" : setting(how, in: place, version: 1)
    try await withMortalHost(.endlessLoop, setting: first) { host, workers in
      try host.configure(PluginDeath.endlessLoop.configuration + self.setting(how, in: place, version: 2))
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(1) && reload.text.contains("failed  mortal/1"), "\(reload.text)")
      #expect(reload.text.contains("\(place.name) has not returned after "), "\(reload.text)")
      try await expectNoDeath(host, workers)
    }
  }

  /// The old generation never ends; the new one serves.
  private func loopLeavesOldGeneration() async throws {
    let place = PluginPlace.all.first { $0.name == "stop" }!
    let how = "loop-that-rests"
    try await withMortalHost(.endlessLoop, setting: setting(how, in: place, version: 1)) { host, workers in
      let position = host.log.position
      try host.configure(PluginDeath.endlessLoop.configuration + self.setting(how, in: place, version: 2))
      let reload = try await ambit("reload", in: host.directory)
      #expect(reload.status == .exited(0) && reload.text.contains("changed  mortal/2"), "\(reload.text)")
      _ = try await host.log.lines(2, after: position) { $0.text == "loops" }
      try await expectNoDeath(host, workers)
    }
  }

  /// No request is lost, and nobody is blamed.
  private func expectNoDeath(_ host: Host, _ workers: BusyWorkers) async throws {
    try await host.expectAnswers("/in/handler/nothing")
    try workers.release(in: host)
    for kept in [workers.beside, workers.other] { #expect(try await kept.client.response().text == "held\n") }
    #expect(try await host.twoServingWorkers().allSatisfy { $0.number("crashes") == 0 })
    #expect(try await host.crashes(of: "mortal").allSatisfy { $0 == 0 })
  }
}
