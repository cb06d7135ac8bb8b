internal import AmbitHost
internal import ArgumentParser

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what the host would make of a plugin's file.",
    discussion: """
      What the file and its entry say, why its library would stay in memory when it is replaced, and what may surprise. \
      The entry is read in a child process: the library's constructors run there, the plugin's start does not. The exit \
      status is 0 if the host would take the file, 1 otherwise.

        ambit inspect Plugins/hello.so
      """)

  @Argument(help: "The plugin's file.")
  var file: String

  func run() throws {
    do throws(HostError) {
      let inspection = try PluginInspection(path: file)
      print(inspection.text, terminator: "")
      Terminal.exit(inspection.refusals.isEmpty ? 0 : 1)
    } catch {
      Terminal.fail(error)
    }
  }
}
