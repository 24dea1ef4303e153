// swift-tools-version: 6.2
// SPDX-License-Identifier: LGPL-2.1-or-later

import PackageDescription

let package = Package(
  name: "SwiftConsumer",
  dependencies: [.package(name: "dcache", path: "../../..")],
  targets: [
    .executableTarget(
      name: "SwiftConsumer", dependencies: [.product(name: "Dcache", package: "dcache")]),
    // The README's examples, as they stand there.
    .executableTarget(
      name: "ReadmeExample", dependencies: [.product(name: "Dcache", package: "dcache")]),
    .executableTarget(
      name: "ReadmeTasks", dependencies: [.product(name: "Dcache", package: "dcache")]),
  ],
  swiftLanguageModes: [.v6]
)
