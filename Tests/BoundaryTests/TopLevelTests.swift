import Testing

@Suite struct TopOfTheRepository {
  @Test func `The top folder has the manifest, the code, the tests, a configuration and a README, and nothing else`()
    throws
  {
    let expected = ["Package.swift", "Plugins", "README.md", "Sources", "Tests", "host.conf"]
    #expect(try Repository.names(in: "") == expected)
  }

  @Test func `The folder Plugins has a folder for each sample, which holds sources only`() throws {
    let samples = try Repository.names(in: "Plugins").filter { !$0.hasSuffix(".so") }
    #expect(!samples.isEmpty)
    for sample in samples {
      let all = try Repository.names(in: "Plugins/\(sample)")
      let sources = all.filter { $0.hasSuffix(".c") || $0.hasSuffix(".cpp") || $0.hasSuffix(".h") }
      #expect(!sources.isEmpty && sources == all, "Plugins/\(sample): \(all)")
    }
  }
}
