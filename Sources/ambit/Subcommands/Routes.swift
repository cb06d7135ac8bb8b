internal import AmbitHost
internal import ArgumentParser

struct Routes: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the routes that would be served.",
    discussion: """
      One line for each route: its pattern, its plugin, the plugin's file.

        ambit routes
        ambit routes -c prod.conf | grep ^POST
      """)

  @OptionGroup var configuration: ConfigurationOption

  func run() throws {
    do throws(HostFailure) {
      let routes = try PluginReview(configuration.source).routes
      let widths = (
        pattern: routes.map(\.pattern.count).max() ?? 0, plugin: routes.map(\.plugin.count).max() ?? 0
      )
      for route in routes {
        print(padded(route.pattern, widths.pattern), padded(route.plugin, widths.plugin), route.file, separator: "  ")
      }
      Terminal.exit(0)
    } catch {
      Terminal.fail(error)
    }
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
