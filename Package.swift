// swift-tools-version: 6.2
// SPDX-License-Identifier: LGPL-2.1-or-later

import PackageDescription

// Only for this package's own tests: a newer compiler's new warnings break no user's build.
let warnings: [SwiftSetting] =
  Context.environment["DCACHE_WERROR"] == nil ? [] : [.treatAllWarnings(as: .error)]

let strict: [SwiftSetting] =
  warnings + [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ]

// The checked build: broken rules stop the program. A release build has none of it.
let checked: CSetting = .define("DCACHE_DEBUG", .when(configuration: .debug))

let package = Package(
  name: "dcache",
  products: [
    .library(name: "Dcache", targets: ["Dcache"]),
    .library(name: "DcacheFileSystem", targets: ["DcacheFileSystem"]),
    .library(name: "CDcache", targets: ["CDcache"]),
    .executable(name: "dcache", targets: ["DcacheTool"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    // Holds nothing. It makes the package manager say which Debian packages to install.
    .systemLibrary(
      name: "CLiburcu", pkgConfig: "liburcu-bp",
      providers: [.apt(["liburcu-dev", "libutf8proc-dev", "libxxhash-dev"])]),
    .target(
      name: "CDcache",
      dependencies: ["CLiburcu"],
      cSettings: [.headerSearchPath("."), checked],
      linkerSettings: [
        .linkedLibrary("urcu-bp"), .linkedLibrary("urcu-common"), .linkedLibrary("utf8proc"),
      ]),
    .target(name: "Dcache", dependencies: ["CDcache"], swiftSettings: strict),
    // System calls that Swift's view of the C library lacks.
    .target(name: "CDcacheHost"),
    .target(
      name: "DcacheFileSystem", dependencies: ["Dcache", "CDcache", "CDcacheHost"],
      swiftSettings: strict),
    .executableTarget(
      name: "DcacheTool",
      dependencies: [
        "Dcache", "DcacheFileSystem",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // The C tests as a program, which DcacheTests runs test by test.
    .executableTarget(
      name: "CDcacheTests",
      dependencies: ["CDcache"],
      path: "Tests/CDcacheTests",
      exclude: ["casefold_filter.c", "casefold_tables_check.py", "mutants", "run-mutants.sh"],
      cSettings: [.headerSearchPath("../../Sources/CDcache"), checked]),
    // The C side of tests in which C and Swift wait for each other.
    .target(name: "MixedC", dependencies: ["CDcache"], path: "Tests/MixedC"),
    .testTarget(
      name: "DcacheTests", dependencies: ["Dcache", "CDcache", "MixedC"],
      exclude: ["mutants"], swiftSettings: strict),
    .testTarget(
      name: "DcacheFileSystemTests", dependencies: ["DcacheFileSystem", "Dcache"],
      exclude: ["mutants"], swiftSettings: strict),
    .testTarget(
      name: "DcacheToolTests",
      dependencies: [
        "DcacheTool", "Dcache", "DcacheFileSystem",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
