import CAmbit

/// The handshake: whether the entry is one, and of an ABI that this host offers.
enum EntryHeaderCheck {
  /// Refuses with the first reason, since a field means something only if those before it are right.
  static func check(_ header: EntryHeader, of file: PluginFile) throws(PluginError) {
    let magic = UInt32(AMBIT_PLUGIN_MAGIC)
    guard header.magic == magic else {
      throw PluginError(
        .otherABI, file,
        "\(AMBIT_PLUGIN_SYMBOL).magic: expected \(hexadecimal(magic)), found \(hexadecimal(header.magic));"
          + " does the entry begin with AMBIT_PLUGIN_HEADER?")
    }
    guard header.major == UInt16(AMBIT_ABI_MAJOR), header.minor <= UInt16(AMBIT_ABI_MINOR) else {
      throw PluginError(
        .otherABI, file,
        "built for ABI \(header.major).\(header.minor), this host offers \(AMBIT_ABI_MAJOR).\(AMBIT_ABI_MINOR);"
          + " rebuild it with this host's ambit.h")
    }
    let size = UInt(MemoryLayout<ambit_plugin>.size)
    guard header.size >= size else {
      throw PluginError(
        .otherABI, file,
        "\(AMBIT_PLUGIN_SYMBOL).size: expected at least \(size) bytes for ABI \(header.major).\(header.minor),"
          + " found \(header.size); rebuild it with this host's ambit.h")
    }
  }
}
