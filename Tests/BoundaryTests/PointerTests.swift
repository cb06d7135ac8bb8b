import Testing

@Suite struct TargetsWithoutPointers {
  @Test(arguments: ["AmbitConfig", "AmbitHost", "ambit"])
  func `name none and mark nothing as unsafe`(target: String) throws {
    let files = try Repository.files(below: "Sources/\(target)", "swift")
    #expect(!files.isEmpty)
    for file in files {
      let words = try Repository.matches(of: /^(?!\s*\/\/).*?(\w*[uU]nsafe\w*|OpaquePointer)/, in: file)
      #expect(words == [], "\(file)")
    }
  }
}
