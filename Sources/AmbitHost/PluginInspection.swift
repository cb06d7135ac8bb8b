internal import AmbitConfig
internal import AmbitCore
internal import AmbitPlugins
internal import AmbitRuntime

/// What the host would make of a plugin's file: what `ambit inspect` shows.
package struct PluginInspection: Sendable {
  let content: PluginContent
  let facts: LibraryFacts
  /// Functions whose frames can step over the guard of a stack.
  let largeFrames: [LargeFrame]
  /// What its entry says; nil if that could not be had.
  let manifest: PluginManifest?
  /// Why the host would refuse the file, a line for each reason; empty if it would take it.
  package let refusals: [String]

  /// Reads the file at `path`, and its entry in a child process, as loading runs the library's constructors; its `start`
  /// does not run. Blocks.
  /// - Throws: if the file cannot be read, or is no shared library for this machine.
  package init(path: String) throws(HostFailure) {
    let folder: PluginCopies
    do throws(FileError) {
      folder = try PluginCopies(in: HostProcess.variable("TMPDIR") ?? "/tmp")
    } catch {
      throw HostFailure(error)
    }
    defer { folder.remove() }
    let copy: PluginCopy
    do throws(PluginError) {
      content = try PluginContent(of: PluginFile(path: path), settle: .zero)
      (copy, facts) = try folder.copy(content)
    } catch {
      throw HostFailure(error)
    }
    largeFrames = copy.largeFrames()
    do throws(PluginError) {
      manifest = try Self.manifest(of: copy, facts, in: folder)
      refusals = []
    } catch {
      manifest = nil
      refusals = error.problems.map(\.reason)
    }
  }

  private static func manifest(
    of copy: PluginCopy, _ facts: LibraryFacts, in folder: PluginCopies
  ) throws(PluginError) -> PluginManifest {
    try facts.refuseUnlessLoadable(copy.file)
    let defaults = HostConfiguration.defaults
    let dryRun = DryRun(limits: defaults.dryRunLimits, timeout: defaults.dryRunTimeout) { event in
      LineOutput.standardError.write("\(event.message)\n")
    }
    var resolver = DependencyResolver(copies: folder, settle: .zero, trust: .any)
    let linked = try folder.attach(try resolver.dependencies(of: copy, in: copy.file), to: copy)
    return try dryRun.run(linked) { _ in nil }.manifest
  }
}
