internal import AmbitCore
internal import CAmbit

/// The calls this host does not have yet. Each says so: `AMBIT_UNSUPPORTED` where it returns a status, else what its
/// comment in `ambit.h` names for failure.
enum UnsupportedCalls {
  static func install(in api: inout ambit_api) {
    api.send_file = { _, _, _, _ in Status.unsupported.rawValue }
  }
}
