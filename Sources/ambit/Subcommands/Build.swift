internal import AmbitHost
internal import ArgumentParser

struct Build: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compile plugins from source.",
    discussion: """
      Compiles the C and C++ sources of each DIR/NAME/ to DIR/NAME.so, if something has changed since its last build: \
      a source, a header that it includes, a flag or the compiler. DIR/.NAME.build records what DIR/NAME.so was built \
      from. Prints a line for each plugin, and for each file and folder that it leaves out.

      Respects CC, CXX, CFLAGS, CXXFLAGS and LDFLAGS, with quotes as in a shell. Without CC and CXX it takes cc and c++, \
      else gcc and g++ or clang and clang++, else the clang that Swift brings along. Plugins find ambit.h without \
      further flags; a copy of it for editors is in DIR/.include. The exit status is 1 if a plugin could not be built.

        ambit build                   # Plugins
        ambit build ~/my-plugins
        CFLAGS="-O0 -DNAME='a b'" ambit build
      """)

  @Argument(help: "The folder of the plugins.")
  var directory = "Plugins"

  func run() throws {
    do throws(HostError) {
      try PluginBuild.run(in: directory) { line in
        if line.isError { Terminal.note("error: \(line.text)") } else { Terminal.print("\(line.text.forTerminal)\n") }
      }
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }
}
