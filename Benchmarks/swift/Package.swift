// swift-tools-version: 6.2
// SPDX-License-Identifier: LGPL-2.1-or-later

import PackageDescription

// As in the package that is measured.
let isStrict = Context.environment["DCACHE_WERROR"] != nil

let package = Package(
  name: "benchmarks",
  products: [
    .executable(name: "dcache-benchmarks", targets: ["DcacheBenchmarks"])
  ],
  dependencies: [.package(name: "dcache", path: "../..")],
  targets: [
    // What the Swift rows are compared with, and the clock.
    .target(
      name: "CBenchmarks", dependencies: [.product(name: "CDcache", package: "dcache")],
      cSettings: isStrict ? [.treatAllWarnings(as: .error)] : []),
    .executableTarget(
      name: "DcacheBenchmarks",
      dependencies: ["CBenchmarks", .product(name: "Dcache", package: "dcache")],
      swiftSettings: isStrict ? [.treatAllWarnings(as: .error)] : []),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
