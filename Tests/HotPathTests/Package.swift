// swift-tools-version: 6.2
// SPDX-License-Identifier: LGPL-2.1-or-later

import PackageDescription

// For scripts/check-hot-paths alone; make builds hot_path.c.
let package = Package(
  name: "HotPathTests",
  dependencies: [.package(name: "dcache", path: "../..")],
  targets: [
    .target(name: "Marks", path: "marks"),
    .executableTarget(
      name: "HotPathsOfSwift",
      dependencies: [
        "Marks", .product(name: "Dcache", package: "dcache"),
        .product(name: "CDcache", package: "dcache"),
      ],
      path: "swift"),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .gnu11
)
