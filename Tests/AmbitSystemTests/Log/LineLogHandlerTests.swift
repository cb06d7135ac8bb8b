import Dispatch
import Logging
import Testing

@testable import AmbitSystem

@Suite struct LogOutput {
  @Test func `A log line has the fields of logger and event, and events below the level are left out`() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      var logger = Logger(label: "test") { _ in LineLogHandler(threshold: LogThreshold(.notice), format: .text) }
      logger[metadataKey: "scope"] = "7"
      logger[metadataKey: "plugin"] = "hello/1"
      logger.info("not shown")
      logger.error("shown", metadata: ["scope": "8", "extra": "two words"])
    }
    let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(output.contains(/Z ERROR shown plugin=hello\/1 scope=8 extra="two words"\n$/))
    #expect(!output.contains("not shown"))
  }

  @Test func `Each log line is a JSON object if the configuration asks for JSON`() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let logger = Logger(label: "test") { _ in LineLogHandler(threshold: LogThreshold(.trace), format: .json) }
      logger.trace("a \"message\"", metadata: ["job": "tick\n"])
    }
    let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(output.hasSuffix(#","level":"trace","message":"a \"message\"","job":"tick\n"}"# + "\n"))
  }

  @Test func `The log keeps the lines of many threads apart`() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let logger = Logger(label: "test") { _ in LineLogHandler(threshold: LogThreshold(.info), format: .text) }
      DispatchQueue.concurrentPerform(iterations: 8) { thread in
        for number in 0..<200 { logger.info("\(String(repeating: "\(thread)", count: 200)) \(number)") }
      }
    }
    let output = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    let lines = output.split(separator: "\n").filter { $0.contains(/Z INFO  (\d)\1{199} \d+$/) }
    #expect(lines.count == 1_600)
  }
}
