import Foundation
import TestSupport
import Testing

/// What requests are held to: `Tests/Benchmarks/baseline.json`, which the benchmarks go by as well.
struct Baseline: Decodable {
  private let allocationsPerRequest: [String: Int]

  /// How many allocations the measured requests of a workload may make together.
  static func allocations(of workload: String) throws -> Int {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let baseline = try decoder.decode(
      Baseline.self, from: Data(contentsOf: Places.package.appending(path: "Tests/Benchmarks/baseline.json")))
    return try #require(baseline.allocationsPerRequest[workload]) * Workload.measured
  }
}
