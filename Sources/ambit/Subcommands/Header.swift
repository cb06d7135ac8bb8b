internal import AmbitHost
internal import ArgumentParser

struct Header: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print ambit.h, the header that plugins include.",
    discussion: """
        ambit header > ambit.h && cc -shared -fPIC -fstack-clash-protection -I . my.c -o Plugins/my.so
      """)

  func run() throws {
    Terminal.print(PluginBuild.header)
    Terminal.exit(0)
  }
}
