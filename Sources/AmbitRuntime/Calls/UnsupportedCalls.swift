internal import AmbitCore
internal import CAmbit

/// The calls this host does not have yet. Each says so: `AMBIT_UNSUPPORTED` where it returns a status, else what its
/// comment in `ambit.h` names for failure.
enum UnsupportedCalls {
  static func install(in api: inout ambit_api) {
    installScopes(in: &api)
    installWaits(in: &api)
    installRest(in: &api)
  }

  private static func installScopes(in api: inout ambit_api) {
    api.spawn_call = { _, _, _, _, _, _, _ in Status.unsupported.rawValue }
    api.ref_cancelled = { _ in ambit_cause(Cause.none.rawValue) }
    api.open = { _, _, _ in Status.unsupported.rawValue }
    api.close = { _ in Status.unsupported.rawValue }
    api.set_timeout = { _, _ in Status.unsupported.rawValue }
    api.shield = { _, _ in Status.unsupported.rawValue }
    api.on_cancel = { _, _, _ in Status.unsupported.rawValue }
    api.cancel_fd = { _ in -1 }
    api.set = { _, _, _ in Status.unsupported.rawValue }
    api.get = { _, _ in nil }
    api.ref_of = { handle in ambit_ref(api: handle?.pointee.api, id: 0) }
    api.post = { _, _, _ in Status.unsupported.rawValue }
  }

  private static func installWaits(in api: inout ambit_api) {
    api.every = { _, _, _, _, _, _ in Status.unsupported.rawValue }
    api.wait_fd = { _, _, _, _, _ in Status.unsupported.rawValue }
    api.event_new = { _ in nil }
    api.event_set = { _ in Status.unsupported.rawValue }
    api.event_reset = { _ in Status.unsupported.rawValue }
    api.event_wait = { _, _, _ in Status.unsupported.rawValue }
    api.channel_new = { _, _ in nil }
    api.send = { _, _, _, _ in Status.unsupported.rawValue }
    api.receive = { _, _, _, _ in Status.unsupported.rawValue }
    api.channel_close = { _ in Status.unsupported.rawValue }
  }

  private static func installRest(in api: inout ambit_api) {
    api.send_file = { _, _, _, _ in Status.unsupported.rawValue }
    api.hand_over = { _, _, _, _ in Status.unsupported.rawValue }
    api.handed_over = { _, _ in ambit_str(ptr: nil, len: 0) }
    api.extension = { _, _ in nil }
    api.bind = { _, _, _, _, _ in Status.unsupported.rawValue }
  }
}
