internal import AmbitHost
internal import ArgumentParser

struct Build: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compile plugins from source.",
    discussion: """
      Compiles each DIR/NAME/ with C or C++ sources to DIR/NAME.so with the system's compilers, if it is out of date. \
      Respects CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS. Plugins find ambit.h without further flags; a copy of it for \
      editors is in DIR/.include.

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
