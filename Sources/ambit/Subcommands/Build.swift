internal import AmbitHost
internal import ArgumentParser

struct Build: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compile plugins from source.",
    discussion: """
      Each DIR/NAME/ with C or C++ sources becomes DIR/NAME.so, by the system's compilers; only what is out of date is \
      built. CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS are honoured. ambit.h is found without further flags; a copy of it is \
      kept in DIR/.include for editors.

        ambit build                   # Plugins
        ambit build ~/my-plugins
      """)

  @Argument(help: "The folder of the plugins.")
  var directory = "Plugins"

  func run() throws {
    do throws(HostError) {
      for line in try PluginBuild.run(in: directory) { print(line) }
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
