public import CAmbit

/// The part of the host's function table that the runtime answers.
public enum RuntimeCalls {
  /// A table in which every entry is set: the runtime's calls, and for all others one that says it is not there.
  /// Protocols add theirs.
  public static func makeTable() -> ambit_api {
    var api = ambit_api()
    api.size = UInt32(MemoryLayout<ambit_api>.size)
    api.major = UInt16(AMBIT_ABI_MAJOR)
    api.minor = UInt16(AMBIT_ABI_MINOR)
    UnsupportedCalls.install(in: &api)
    JobCalls.install(in: &api)
    ForeignCalls.install(in: &api)
    ScopeCalls.install(in: &api)
    HookCalls.install(in: &api)
    ValueCalls.install(in: &api)
    RefCalls.install(in: &api)
    WaitCalls.install(in: &api)
    TickerCalls.install(in: &api)
    DescriptorCalls.install(in: &api)
    EventCalls.install(in: &api)
    ChannelCalls.install(in: &api)
    MemoryCalls.install(in: &api)
    PluginCalls.install(in: &api)
    HandOverCalls.install(in: &api)
    ExtensionCalls.install(in: &api)
    return api
  }
}
