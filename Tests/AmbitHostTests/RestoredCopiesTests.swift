import AmbitCore
import AmbitPlugins
import AmbitSystem
import Foundation
import TestSupport
import Testing

@testable import AmbitHost

@Suite struct `Private copies for a worker that starts later` {
  private let folder: HostFolder

  init() throws { folder = try HostFolder() }

  /// Restores what a plan serves.
  private func restore(_ plan: ReloadPlan, _ repository: PluginRepository) -> [String: PluginError] {
    repository.restorer.restore(plan.generations, renamed: [:])
  }

  /// Loads what serves in a new process, as a worker that starts later does.
  private func loadAnew(_ repository: PluginRepository) throws {
    let configuration = try folder.source.read()
    for plugin in repository.serving.values where plugin.copy.isPrivate {
      let limits = configuration.dryRunLimits(confinedBy: .init())
      let dryRun = DryRun(program: Places.ambit.filePath, limits: limits, timeout: .seconds(60)) { _ in }
      #expect(try dryRun.run(plugin.copy) { _ in nil }.manifest.name == plugin.name)
    }
  }

  @Test func `Copies that a cleaner has removed are made again from the operator's files`() async throws {
    let flags = try await folder.installLibrary("libhelper", "int helper(void); int helper(void) { return 1; }")
    try await folder.install(
      "my", "GET /my", code: "int helper(void); int (*use)(void); int (*use)(void) = helper;", flags: flags)
    try await folder.install("plain", "GET /plain")
    let repository = try folder.repository()
    let plan = try repository.reload()
    let files = try #require(repository.serving["my"]).copy
    #expect(restore(plan, repository) == [:])
    try FileManager.default.removeItem(atPath: repository.copies.path)
    #expect(restore(plan, repository) == [:])
    #expect(repository.serving["my"]?.copy.path == files.path)
    try loadAnew(repository)
    #expect(try repository.plan().kept.keys.sorted() == ["my", "plain"])
  }

  @Test func `A copy is made again from the last good copy if the operator's file has changed or is gone`()
    async throws
  {
    try await folder.install("hello", "GET /hello")
    try await folder.install("gone", "GET /gone")
    let repository = try folder.repository(keepsLastGood: true)
    let plan = try repository.reload()
    repository.keepLastGood()
    try await folder.install("hello", "GET /other")
    try folder.remove("gone")
    for plugin in repository.serving.values { Paths.remove(plugin.copy.path) }
    #expect(restore(plan, repository) == [:])
    try loadAnew(repository)
  }

  @Test func `A plugin is named whose copy nobody can make again, and the others are made`() async throws {
    try await folder.install("lost", "GET /lost")
    try await folder.install("sound", "GET /sound")
    let repository = try folder.repository()
    let plan = try repository.reload()
    try await folder.install("lost", "GET /other")
    for plugin in repository.serving.values { Paths.remove(plugin.copy.path) }
    let errors = restore(plan, repository)
    #expect(errors.keys.sorted() == ["lost"])
    let text = try #require(errors["lost"]).description
    #expect(text.hasPrefix("plugin lost (\(folder.file("lost"))): the private copy "), "\(text)")
    let reason = "has other content by now, and there is no last good copy; reload to serve what is there now"
    #expect(text.contains(reason), "\(text)")
    let sound = try #require(repository.serving["sound"]).copy.path
    #expect(FileManager.default.fileExists(atPath: sound))
    #expect(try repository.plan().generations.map(\.label) == ["lost/2"])
  }

  @Test func `A library that is used in place is named if its file is gone`() throws {
    let file = try TemporaryFolder()
    try file.write("int one(void) { return 1; }", to: "one.c")
    // The name counts, whatever is in it.
    let path = file.path(of: "libthread_db.so.1")
    try Compiler.c.compile(["-shared", "-fPIC", "-o", path, file.path(of: "one.c")])
    try folder.configure("[[route]]\nmatch = \"GET /one\"\ncall = \"\(path): i32 one()\"")
    let repository = try folder.repository()
    let plan = try repository.reload()
    #expect(plan.generations.map(\.copy.isPrivate) == [false])
    #expect(restore(plan, repository) == [:])
    Paths.remove(path)
    #expect(restore(plan, repository)[path]?.description.contains("used in place, was removed") == true)
  }
}
