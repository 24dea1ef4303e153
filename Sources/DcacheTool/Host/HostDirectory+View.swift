// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import DcacheFileSystem
import Glibc

extension HostDirectory: FileSystemView {
  func find(_ path: UnsafePointer<CChar>) -> Finding {
    switch status(of: path) {
    case .success(let status):
      .present(
        FileIdentity(device: status.device, inode: status.inode, type: status.kind))
    case .failure(.noSuchFileOrDirectory), .failure(.notDirectory): .absent
    case .failure(let error): .failed(error.rawValue)
    }
  }

  func changeTime(of path: UnsafePointer<CChar>) -> Int64? {
    guard case .success(let status) = status(of: path) else { return nil }
    return status.changeTime.seconds * 1_000_000_000 + status.changeTime.nanoseconds
  }

  func forEachName(in path: UnsafePointer<CChar>, _ body: (Span<UInt8>) -> Bool) -> Int32 {
    forEachEntry(in: path) { name, _ in body(name) }
  }
}
