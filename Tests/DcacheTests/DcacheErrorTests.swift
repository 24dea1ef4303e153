// SPDX-License-Identifier: LGPL-2.1-or-later

import Dcache
import Glibc
import Testing

@Suite struct DcacheErrorTests {
  @Test func isErrno() {
    #expect(DcacheError(rawValue: ENOENT) == .noSuchFileOrDirectory)
    #expect(DcacheError.permissionDenied.rawValue == EACCES)
    #expect(Set<DcacheError>([.ioError, .ioError, .interrupted]).count == 2)
  }

  @Test func constants() {
    let all: [(DcacheError, Int32)] = [
      (.notPermitted, EPERM), (.noSuchFileOrDirectory, ENOENT), (.interrupted, EINTR),
      (.ioError, EIO), (.resourceTemporarilyUnavailable, EAGAIN), (.noMemory, ENOMEM),
      (.permissionDenied, EACCES), (.resourceBusy, EBUSY), (.fileExists, EEXIST),
      (.improperLink, EXDEV), (.notDirectory, ENOTDIR), (.invalidArgument, EINVAL),
      (.fileNameTooLong, ENAMETOOLONG), (.resourceDeadlockAvoided, EDEADLK),
      (.tooManySymbolicLinkLevels, ELOOP), (.alreadyInProcess, EALREADY),
      (.staleFileHandle, ESTALE), (.timedOut, ETIMEDOUT), (.notSupported, EOPNOTSUPP),
      (.canceled, ECANCELED),
    ]
    for (error, number) in all { #expect(error.rawValue == number) }
  }

  @Test func describesItself() {
    #expect(DcacheError.noSuchFileOrDirectory.description == "No such file or directory")
    #expect(DcacheError(rawValue: 99_999).description.contains("99999"))
  }
}
