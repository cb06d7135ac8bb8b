internal import AmbitHost
internal import ArgumentParser

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a plugin file contains, and whether the host would load it.",
    discussion: """
      Shows what the file and its entry say, why its library would stay in memory after it is replaced, and warnings. \
      Reads the entry in a child process: the library's constructors run there, the plugin's start does not. The exit \
      status is 0 if the host would load the file, 1 otherwise.

        ambit inspect Plugins/hello.so
      """)

  @Argument(help: "The plugin's file.")
  var file: String

  func run() throws {
    do throws(HostError) {
      let inspection = try PluginInspection(path: file)
      Terminal.print(inspection.text)
      Terminal.exit(inspection.refusals.isEmpty ? 0 : 1)
    } catch {
      Terminal.fail(error)
    }
  }
}
