package import AmbitCore

extension PluginCopy {
  /// The functions of the library whose frames can step over the guard of a stack, by their address; empty if the copy
  /// cannot be read, or is no library. Blocks for some 20 ms per MB of code.
  package func largeFrames() -> [LargeFrame] {
    let found = try? withMappedBytes(of: path) { (bytes) throws(ELFError) in try LargeFrame.all(in: bytes) }
    return (try? found?.get()) ?? []
  }
}
