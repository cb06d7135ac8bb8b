package import AmbitConfig

/// The text of a configuration as it was read once: what the host parses, and what it hands to its workers.
package struct ConfigurationText: Codable, Equatable, Sendable {
  let bytes: [UInt8]
  /// The name of the file in messages.
  let name: String

  /// Checks it.
  /// - Throws: an error whose exit status says that the configuration is at fault.
  package func parse() throws(HostError) -> HostConfiguration {
    do throws(ConfigurationErrors) {
      return try HostConfiguration.parse(bytes: bytes, file: name)
    } catch {
      throw HostError.configuration(error)
    }
  }
}
