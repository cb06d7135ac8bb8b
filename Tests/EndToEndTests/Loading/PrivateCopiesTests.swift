import Foundation
import Glibc
import TestSupport
import Testing

/// Where a host keeps its private copies, and what happens when somebody cleans up there.
@Suite struct `The private copies` {
  private func speaks(_ text: String) -> PluginFile {
    .source(
      """
      #include <ambit.h>
      static int32_t speak(ambit_scope *scope) { return ambit_respondf(scope, 200, "text/plain", "\(text)\\n"); }
      static const ambit_route routes[] = {{.pattern = "GET /speak", .handler = speak}};
      AMBIT_EXPORT const ambit_plugin ambit_plugin_entry = {AMBIT_PLUGIN_HEADER, .name = "speaks", .routes = routes,
        .route_count = 1};
      """, name: "speaks")
  }

  @Test func `The copies are in RUNTIME_DIRECTORY, else in the cache folder, and are removed at the end`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [speaks("one")], configuration: "trust = 'any'")
      let folders = ["run", "cache"].map { directory.appending(path: $0).filePath }
      for (folder, environment) in [
        (folders[0], ["RUNTIME_DIRECTORY": folders[0]]), (folders[1], ["CACHE_DIRECTORY": folders[1]]),
        ("\(folders[1])/ambit", ["CACHE_DIRECTORY": "", "XDG_CACHE_HOME": folders[1]]),
      ] {
        try await withHost(in: directory, environment: environment) { host in
          let maps = try host.maps()
          #expect(maps.contains(" \(folder)/ambit-host-"))
          #expect(await host.stop() == .exited(0))
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(!left.contains { $0.hasPrefix("ambit-host-") })
      }
    }
  }

  @Test func `The folder is made again at a reload when somebody has removed it`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [speaks("one"), .sample("hello")])
      let cache = directory.appending(path: "cache")
      try await withHost(in: directory) { host in
        for text in ["two", "three"] {
          try FileManager.default.removeItem(at: cache)
          try await speaks(text).install(in: host.plugins)
          let done = try await host.reloadOnRequest()
          #expect(done.field("changed") == "1" && done.field("kept") == "1", "\(host.log.text)")
          #expect(try await host.get("/speak").text == "\(text)\n")
          try await host.log.line { $0.contains("NOTICE the folder of private copies ") && $0.contains("is made again") }
        }
        #expect(await host.stop() == .exited(0))
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache.filePath) == [])
      }
    }
  }

  @Test(.enabled("mounting is not allowed here") { try await run("unshare", ["-rm", "true"]).status == .exited(0) })
  func `The copies are in the next folder, with a notice, if the first is mounted noexec`() async throws {
    try await withTemporaryFolder { directory in
      try await populate(directory, with: [speaks("one")], configuration: "trust = 'any'")
      let (run, cache) = (directory.appending(path: "run"), directory.appending(path: "cache"))
      for folder in [run, cache] {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      }
      let mount = "mount -t tmpfs -o noexec none run && exec \"$0\" \"$@\""
      try await withHost(
        in: directory, wrapper: ["unshare", "-rm", "sh", "-c", mount], environment: ["RUNTIME_DIRECTORY": run.filePath]
      ) { host in
        #expect(try host.maps().contains(" \(cache.filePath)/ambit-host-"))
        let notice = try await host.log.line(containing: "private copies of plugins lie in ")
        #expect(notice.contains("NOTICE") && notice.contains("mounted noexec") && notice.contains("RUNTIME_DIRECTORY"))
      }
    }
  }

  @Test(.enabled("mounting is not allowed here") { try await run("unshare", ["-rm", "true"]).status == .exited(0) })
  func `A reload says so if the folder has come to be mounted noexec`() async throws {
    try await HostSlots.shared.use {
      try await withTemporaryFolder { directory in
        try await populate(directory, with: [speaks("one")])
        let listen = "listen = ['unix:\(directory.filePath)/http.sock']\ntrust = 'any'\nthreads = 1\n"
        try directory.write("\(listen)private = 'disk'\n", as: "host.conf")
        try await PluginFile.sample("simple_service").install(in: directory)
        try FileManager.default.createDirectory(
          at: directory.appending(path: "disk"), withIntermediateDirectories: false)
        let script = """
          mount -t tmpfs none disk || exit 2
          "$0" serve 2>log & host=$!
          until grep -q ' serving pid=' log; do kill -0 $host || exit 3; sleep 0.01; done
          mount -o remount,noexec disk || exit 4
          cp simple_service.so Plugins/
          "$0" reload; echo "reload $?"
          curl -sS --unix-socket http.sock http://ambit/speak
          kill $host; wait $host; echo "status $?"
          """
        let result = try await run(
          "unshare", ["-rm", "sh", "-c", script, Places.ambit.filePath], in: directory,
          environment: folderVariables(directory))
        let reason = "its private copy lies on a file system mounted noexec: \(directory.filePath)/disk/ambit-host-"
        #expect(result.text.contains(reason), "\(result.text)\(result.errors)")
        #expect(result.text.hasSuffix("reload 1\none\nstatus 0\n"), "\(result.text)\(result.errors)")
      }
    }
  }
}
