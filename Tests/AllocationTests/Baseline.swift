import Foundation
import TestSupport
import Testing

/// The limits of requests, from `Tests/Benchmarks/baseline.json`, which the benchmarks use too.
struct Baseline: Decodable {
  private let allocationsPerRequest: [String: Int]

  /// The number of allocations that the measured requests of a workload may make together.
  static func allocations(of workload: String) throws -> Int {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let baseline = try decoder.decode(
      Baseline.self, from: Data(contentsOf: Places.package.appending(path: "Tests/Benchmarks/baseline.json")))
    return try #require(baseline.allocationsPerRequest[workload]) * Workload.measured
  }
}
