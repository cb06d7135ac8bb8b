// swift-tools-version: 6.2
import PackageDescription

// Declarations that another target uses are `package`. In AmbitCore, AmbitSystem, AmbitFFI and AmbitRuntime, small
// functions on the path of every request are `public`: Swift 6.3 inlines public ones across modules, and calls package
// ones.

/// Every Swift target: Swift 6 mode, imports internal unless said otherwise, members visible only through their own
/// import.
let common: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("ExistentialAny"),
]

/// Strict memory safety: an expression that touches pointers must be marked `unsafe`, else it is an error.
let marked: [SwiftSetting] = [.strictMemorySafety(), .treatWarning("StrictMemorySafety", as: .error)]

/// Targets that must not touch pointers, so nothing in them is marked.
let safe: [SwiftSetting] = common + marked + [.enableExperimentalFeature("Lifetimes")]

/// Targets whose code waits on fibers: Swift keeps its record of exclusive accesses per thread, with nodes on the
/// stack, so two fibers of one thread that wait inside such accesses would corrupt it.
let fibers: [SwiftSetting] = common + [.unsafeFlags(["-enforce-exclusivity=unchecked"])]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
  name: "ambit",
  products: [.executable(name: "ambit", targets: ["ambit"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .target(name: "CAmbit"),
    .target(name: "CCrash"),
    .target(name: "CFiber", exclude: ["fibers.py"]),
    .target(name: "CLinux"),
    .target(name: "CTOML"),
    .systemLibrary(name: "CFFI"),
    .target(name: "AmbitCore", swiftSettings: safe),
    .target(name: "AmbitTOML", dependencies: ["AmbitCore", "CTOML"], swiftSettings: safe),
    .target(name: "AmbitConfig", dependencies: ["AmbitCore", "AmbitTOML"], swiftSettings: safe),
    .target(
      name: "AmbitSystem", dependencies: ["AmbitCore", "CCrash", "CFiber", "CLinux", logging],
      swiftSettings: common + marked),
    .target(name: "AmbitFFI", dependencies: ["AmbitCore", "CFFI"], swiftSettings: fibers + marked),
    .target(
      name: "AmbitRuntime",
      dependencies: ["AmbitCore", "AmbitFFI", "AmbitSystem", "CAmbit", "CCrash", "CFiber", "CLinux", logging],
      swiftSettings: fibers),
    .target(
      name: "AmbitPlugins", dependencies: ["AmbitCore", "AmbitRuntime", "AmbitSystem", "CAmbit", "CLinux"],
      swiftSettings: fibers + marked),
    .target(
      name: "AmbitHTTP",
      dependencies: ["AmbitCore", "AmbitFFI", "AmbitRuntime", "AmbitSystem", "CAmbit", "CLinux", logging],
      swiftSettings: fibers),
    .target(
      name: "AmbitHost",
      dependencies: ["AmbitConfig", "AmbitCore", "AmbitHTTP", "AmbitPlugins", "AmbitRuntime", "AmbitSystem", logging],
      swiftSettings: safe),
    // All addresses in its table of other libraries' functions are filled in at the start: then nobody may write there.
    .executableTarget(
      name: "ambit", dependencies: ["AmbitConfig", "AmbitHost", "AmbitSystem", argumentParser], swiftSettings: safe,
      linkerSettings: [.unsafeFlags(["-Xlinker", "-z", "-Xlinker", "now"])]),

    .target(name: "hello", dependencies: ["CAmbit"], path: "Plugins/hello", publicHeadersPath: "."),
    .target(name: "simple_service", dependencies: ["CAmbit"], path: "Plugins/simple_service", publicHeadersPath: "."),
    .target(name: "typed", dependencies: ["CAmbit"], path: "Plugins/typed", publicHeadersPath: "."),
    // Without modules: clang would want CAmbit's as a prebuilt C++ one.
    .target(
      name: "counter", dependencies: ["CAmbit"], path: "Plugins/counter", publicHeadersPath: ".",
      cxxSettings: [.unsafeFlags(["-fno-cxx-modules"])]),

    .executableTarget(
      name: "ambit-micro",
      dependencies: ["AmbitCore", "AmbitFFI", "AmbitRuntime", "AmbitSystem", "CAmbit", "CLinux"],
      path: "Tests/Benchmarks/Micro", swiftSettings: fibers),

    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: common),
    .testTarget(
      name: "CAmbitTests", dependencies: ["CAmbit", "TestSupport"], exclude: ["Programs"], swiftSettings: common),
    .testTarget(name: "CCrashTests", dependencies: ["TestSupport"], exclude: ["Programs"], swiftSettings: common),
    .testTarget(
      name: "CFiberTests", dependencies: ["CFiber", "TestSupport"], exclude: ["Programs"], swiftSettings: fibers),
    .testTarget(name: "AmbitCoreTests", dependencies: ["AmbitCore", "TestSupport"], swiftSettings: common),
    .testTarget(name: "AmbitTOMLTests", dependencies: ["AmbitCore", "AmbitTOML"], swiftSettings: common),
    .testTarget(name: "AmbitConfigTests", dependencies: ["AmbitConfig", "AmbitCore"], swiftSettings: common),
    .testTarget(
      name: "AmbitSystemTests", dependencies: ["AmbitCore", "AmbitSystem", "TestSupport", logging],
      exclude: ["Programs"], swiftSettings: common),
    .testTarget(
      name: "AmbitPluginsTests", dependencies: ["AmbitCore", "AmbitPlugins", "AmbitSystem", "CAmbit", "TestSupport"],
      swiftSettings: common),
    .testTarget(
      name: "AmbitFFITests", dependencies: ["AmbitCore", "AmbitFFI", "TestSupport"], swiftSettings: common),
    .testTarget(
      name: "AllocationTests", dependencies: ["TestSupport"], exclude: ["Libraries"], swiftSettings: common),
    .testTarget(name: "BoundaryTests", dependencies: ["TestSupport"], swiftSettings: common),
    .testTarget(
      name: "AmbitRuntimeTests",
      dependencies: ["AmbitCore", "AmbitRuntime", "AmbitSystem", "CAmbit", "CFiber", "CLinux", "TestSupport", logging],
      swiftSettings: fibers),
    .testTarget(
      name: "AmbitHTTPTests",
      dependencies: ["AmbitCore", "AmbitFFI", "AmbitHTTP", "AmbitRuntime", "AmbitSystem", "CAmbit", "TestSupport"],
      swiftSettings: fibers),
    .testTarget(
      name: "AmbitHostTests",
      dependencies: [
        "AmbitConfig", "AmbitCore", "AmbitHTTP", "AmbitHost", "AmbitPlugins", "AmbitRuntime", "AmbitSystem",
        "TestSupport",
      ], swiftSettings: common),
    .testTarget(
      name: "EndToEndTests", dependencies: ["TestSupport"], exclude: ["Plugins", "Programs"], swiftSettings: common),
  ],
  cLanguageStandard: .gnu17,
  cxxLanguageStandard: .gnucxx20
)
