import AmbitCore

@testable import AmbitRuntime

extension Stage {
  /// Opens the scope of a generation of the plugin, behind those that it has. When the generation is told that no
  /// request is left, it notes that and calls `drained`.
  func openPlugin(
    _ name: String = "plugin", limits: PluginLimits = .none, drained: @escaping (ScopePointer) -> Void = { _ in }
  ) -> ScopePointer {
    let plugin = open(name, kind: .plugin)
    let shards = UnsafeMutableBufferPointer<ScopePointer>.allocate(capacity: 1)
    shards.initialize(repeating: plugin)
    let generation = GenerationPointer.allocate(capacity: 1)
    let use = GenerationUse(of: "plugin", label: "plugin/1", limits: limits, loops: 1, watch: group.limitWatch)
    generation.initialize(
      to: Generation(label: "plugin/1", settings: SettingsTable([]), use: use, shards: shards))
    generation.pointee.onceJobs = group.onceJobs.add(generationOf: "plugin")
    let tell = OnLoop { drained(plugin) }
    generation.pointee.shardDrained = {
      Stage.current.note("drained")
      tell.run()
    }
    plugin.join(generation)
    return plugin
  }

  /// Something that only the loop's thread touches.
  private struct OnLoop: @unchecked Sendable {
    let run: () -> Void
  }
}
