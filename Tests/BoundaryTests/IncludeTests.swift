import Testing

@Suite struct IncludesOfCFiles {
  private static var includeLine: Regex<(Substring, Substring)> { /^\s*#\s*include\s*([<"][^>"]+[>"])/ }

  /// The headers that a file includes, with their brackets or quotes.
  private func includes(below folder: String) throws -> [(file: String, header: String)] {
    try Repository.files(below: folder, "c", "h", "S", "cpp", "hpp").flatMap { file in
      try Repository.matches(of: Self.includeLine, in: file).map { (file, $0) }
    }
  }

  @Test func `The plugin's header includes nothing but the language's headers`() throws {
    let allowed: Set = ["<stdint.h>", "<stddef.h>", "<stdbool.h>", "<stdarg.h>", "<stdio.h>"]
    let headers = try includes(below: "Sources/CAmbit/include").map(\.header)
    #expect(headers.contains("<stdint.h>"))
    #expect(Set(headers).subtracting(allowed) == [])
  }

  @Test(arguments: ["CAmbit", "CCrash", "CFiber", "CLinux", "CTOML"])
  func `Includes in quotes name a header of the same target`(target: String) throws {
    let own = try Repository.files(below: "Sources/\(target)", "h", "hpp").map { $0.split(separator: "/").last! }
    #expect(!own.isEmpty)
    for (file, header) in try includes(below: "Sources/\(target)") where header.hasPrefix("\"") {
      #expect(own.contains(header.dropFirst().dropLast()), "\(file) includes \(header), which is not of \(target)")
    }
  }

  @Test(arguments: ["CAmbit", "CCrash", "CFiber", "CLinux", "CTOML"])
  func `Includes in angle brackets name no header of the project`(target: String) throws {
    let project = try Repository.files(below: "Sources", "h", "hpp").map { "<\($0.split(separator: "/").last!)>" }
    for (file, header) in try includes(below: "Sources/\(target)") {
      #expect(!project.contains(header), "\(file) includes \(header)")
    }
  }

  @Test func `The sample plugins include the plugin's headers only`() throws {
    let project = try Repository.files(below: "Sources", "h", "hpp").map { $0.split(separator: "/").last! }
    let found = try includes(below: "Plugins")
    #expect(found.contains { $0.header == "<ambit.h>" })
    for (file, header) in found where project.contains(header.dropFirst().dropLast()) {
      #expect(["ambit.h", "ambit.hpp"].contains(header.dropFirst().dropLast()), "\(file) includes \(header)")
    }
  }
}
