internal import AmbitHost
internal import ArgumentParser

struct Build: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compile plugins from source.",
    discussion: """
      Compiles the C and C++ sources of each DIR/NAME/ to DIR/NAME.so, if something has changed since its last build: \
      a source, a header that it includes, a flag or the compiler. DIR/.NAME.build records what DIR/NAME.so was built \
      from. Prints a line for each plugin, and for each file and folder that it leaves out. Warns of libraries that it \
      has made and whose sources are gone. Without DIR it builds the plugin directory of the configuration.

      Respects CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS, with quotes as in a shell. Without CC and CXX it takes cc and c++, \
      else gcc and g++ or clang and clang++, else the clang that Swift brings along. Plugins find ambit.h without \
      further flags; a copy of it for editors is in DIR/.include. The exit status is 1 if a plugin could not be built, \
      and 78 if the configuration is invalid.

        ambit build                   # the plugins of ./host.conf, or Plugins
        ambit build -c prod.conf
        ambit build ~/my-plugins
        CFLAGS="-O0 -DNAME='a b'" ambit build
      """)

  @OptionGroup var configuration: ConfigurationOption

  @Argument(help: ArgumentHelp("The folder of the plugins. Default: that of the configuration.", valueName: "dir"))
  var directory: String?

  func validate() throws {
    guard directory == nil || configuration.path == nil else {
      throw ValidationError("expected a folder or -c FILE, found both: a folder is built without a configuration")
    }
  }

  func run() throws {
    do throws(HostError) {
      if let directory {
        try PluginBuild.run(in: directory, report: show)
      } else {
        let source = configuration.source
        try PluginBuild.run(for: source, source.read(), report: show)
      }
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }

  private func show(_ line: PluginBuild.Line) {
    if line.kind == .result { Terminal.print("\(line.text.forTerminal)\n") } else { Terminal.note(line.prefixed) }
  }
}
