// SPDX-License-Identifier: LGPL-2.1-or-later

import Glibc

/// What a command wrote to standard output and to standard error, and how it ended.
struct ShellResult {
  let status: Int32
  let output: String
  let errors: String
}

/// Run a command line.
func shell(_ command: String) -> ShellResult {
  var template = Array("/tmp/dcache-tool-errors-XXXXXX".utf8CString)
  let descriptor = mkstemp(&template)
  let name = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer {
    unlink(name)
    close(descriptor)
  }
  guard let stream = withoutBlockedSignals({ popen("{ \(command)\n} 2>\(name)", "re") }) else {
    return ShellResult(status: -1, output: "", errors: "popen failed")
  }
  let output = contents(of: stream)
  let status = pclose(stream)
  let errors = fopen(name, "re").map { stream in
    defer { fclose(stream) }
    return contents(of: stream)
  }
  return ShellResult(status: (status >> 8) & 0xff, output: output, errors: errors ?? "")
}

/// Run `body` with no signal blocked. Threads that run Swift's tasks block most of them, which what they
/// start inherits; a shell that does not get SIGCHLD waits for ever.
private func withoutBlockedSignals<Result>(_ body: () -> Result) -> Result {
  var none = sigset_t()
  var before = sigset_t()
  sigemptyset(&none)
  pthread_sigmask(SIG_SETMASK, &none, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
  return body()
}

/// Run the command `dcache`.
func dcache(_ arguments: String, in directory: String = "/") -> ShellResult {
  shell("cd '\(directory)' && '\(pathOfDcache())' \(arguments)")
}

/// The command, which the package manager builds beside the tests.
func pathOfDcache() -> String {
  var path = [CChar](repeating: 0, count: Int(PATH_MAX))
  readlink("/proc/self/exe", &path, path.count - 1)
  return String(cString: dirname(&path)) + "/dcache"
}

private func contents(of stream: UnsafeMutablePointer<FILE>) -> String {
  var bytes: [UInt8] = []
  while case let byte = getc(stream), byte != EOF { bytes.append(UInt8(byte)) }
  return String(decoding: bytes, as: UTF8.self)
}
