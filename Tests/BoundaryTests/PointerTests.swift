import Testing

@Suite struct TargetsWithoutPointers {
  @Test(arguments: ["AmbitConfig", "AmbitHost", "ambit"])
  func `Targets without pointers name no pointer and mark nothing as unsafe`(target: String) throws {
    let files = try Repository.files(below: "Sources/\(target)", "swift")
    #expect(!files.isEmpty)
    for file in files {
      let words = try Repository.matches(of: /^(?!\s*\/\/).*?(\w*[uU]nsafe\w*|OpaquePointer)/, in: file)
      #expect(words == [], "\(file)")
    }
  }
}
