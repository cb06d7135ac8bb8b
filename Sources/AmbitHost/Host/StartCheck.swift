internal import AmbitConfig
internal import AmbitCore
internal import AmbitSystem

/// What would keep a host from starting, besides its plugins, as far as that can be told without listening: a host of
/// the same configuration may be running.
struct StartCheck {
  /// A line for each error.
  private(set) var errors: [String] = []
  /// What a start would log and that is no error.
  private(set) var notices: [String] = []

  /// Checks nothing.
  init() {}

  /// Checks the sockets of a host of `configuration`, which is of `source`.
  /// - Throws: if the configuration is invalid on this system.
  init(_ source: ConfigurationSource, _ configuration: HostConfiguration) throws(HostError) {
    errors = try source.listenObjections(configuration)
    do throws(HostError) {
      notices += [try AdminSocket(source, configuration).notice].compactMap { $0 }
    } catch {
      if error.isOfConfiguration { throw error }
      errors += error.lines
    }
  }
}
