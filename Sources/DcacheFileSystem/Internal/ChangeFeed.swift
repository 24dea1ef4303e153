// SPDX-License-Identifier: LGPL-2.1-or-later

import CDcacheHost
import Dcache
import Glibc
import Synchronization

/// What the host tells of changes, and what is forgotten for it.
///
/// Why an answer reflects every change that completed before the call began:
///
///  C1 The host queues an event within the call that makes the change, and wakes who polls. So before the
///     change completes, the poll of anybody who calls later says that there is something.
///  C2 A watch is put before anything is asked that relies on it (``WatchTable``, ``HostBackend``). So a
///     change is either seen by who asked or told by an event that comes after.
///  C3 Every call polls first. If there is something, it takes the drain's lock, and reads and acts upon
///     all that is there now. Who has read events is not done yet: so `draining` is raised before
///     any is read; who finds the queue empty looks at that next, and waits for the lock if it is not 0. Either
///     way all events of changes before the call have been acted upon when it goes on.
///  C4 To act upon an event of a name is ``DentryCache/invalidate(name:in:)``: an answer that is on its
///     way is made old by it and one that is cached is taken out. What is asked later, is asked after the
///     change. A listing goes first, since it gives rise to answers.
///  C5 What is kept in a node, its status and a listing, is stored only if the node's count of changes is
///     what it was before the host was asked, and every event that concerns it raises that and takes away
///     what is kept, in one step.
///  C6 A watch that is lost takes its directory's entry with it, and all below; then another node is made
///     for it, which has no watch. A change of rights makes all names in the directory be asked again.
///  C7 A queue that overflowed, and a change of mounts, takes all entries: the root's names are old from
///     then on, and every path goes through one of them.
///
/// The kernel says once that mounts have changed, to whoever polls first, who says so with `draining` a
/// moment later: a call that begins in between, after the mount, may miss it. Nothing else is told twice,
/// or not at all: what programs do through shared mappings (it is told when the file is closed), Linux's
/// asynchronous I/O, and flags as of chattr(1).
final class ChangeFeed: Sendable {
  private let cache: DentryCache<Node>
  private let top: Node
  private let backend: HostBackend
  private let probe: Probe?
  private let poller: Int32
  private let mounts: Int32
  private let stopper: Int32

  /// How many threads have heard of something and not acted upon it yet.
  private let draining = Atomic<Int>(0)
  private let drain = Locked([UInt8](repeating: 0, count: 1 << 16))

  init(
    cache: DentryCache<Node>, top: Node, backend: HostBackend, probe: Probe?,
    tellsOfMounts: Bool
  ) throws(DcacheError) {
    self.cache = cache
    self.top = top
    self.backend = backend
    self.probe = probe
    // Without proc nobody tells of mounts.
    mounts = tellsOfMounts ? open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC) : -1
    stopper = host_stopper()
    poller = host_poller(backend.watches.descriptor, mounts, stopper)
    guard poller >= 0, stopper >= 0 else { throw DcacheError(rawValue: -min(poller, stopper)) }
  }

  deinit {
    for descriptor in [poller, stopper, mounts] where descriptor >= 0 { close(descriptor) }
  }

  /// How many have heard of something and are not done with it; for tests.
  var waiting: Int { draining.load(ordering: .sequentiallyConsistent) }

  /// Act upon all changes that have been made before.
  func refresh() {
    let news = host_poll(poller, 0)
    guard news != 0 || draining.load(ordering: .sequentiallyConsistent) > 0 else { return }
    act(upon: news)
  }

  /// Do that whenever there is something, until ``stop()``.
  func run() {
    while true {
      let news = host_poll(poller, -1)
      if news > 0, news & HOST_STOP != 0 { return }
      if news != 0 { act(upon: news) }
    }
  }

  /// End ``run()``, now or when it begins.
  func stop() {
    _ = host_stop(stopper)
  }

  private func act(upon news: Int32) {
    draining.add(1, ordering: .sequentiallyConsistent)
    defer { draining.subtract(1, ordering: .sequentiallyConsistent) }
    drain.withLock { buffer in
      if news < 0 || news & HOST_MOUNTS != 0 { forgetAll() }
      readEvents(&buffer)
    }
  }

  /// What is queued now; what comes meanwhile is for those who call later.
  private func readEvents(_ buffer: inout [UInt8]) {
    let descriptor = backend.watches.descriptor
    var pending: Int32 = 0
    guard ioctl(descriptor, UInt(FIONREAD), &pending) == 0 else { return forgetAll() }
    while pending > 0 {
      let count = HostDirectory.retrying {
        Int32(buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) })
      }
      guard count > 0 else {
        if count < 0, errno != EAGAIN { forgetAll() }
        return
      }
      pending -= count
      let events = WatchEvent.events(in: buffer.span.extracting(first: Int(count)))
      probe?(.drained, [])
      apply(events)
    }
  }
}

// MARK: - Acting upon events

extension ChangeFeed {
  /// Forget what events say is no longer true.
  func apply(_ events: [WatchEvent]) {
    backend.counters.events.add(events.count, ordering: .relaxed)
    for event in events {
      if event.isOverflow {
        forgetAll()
      } else if event.isEnd {
        for node in backend.watches.takeLost(event.watch) { lose(node) }
      } else {
        for node in backend.watches.nodes(of: event.watch) { apply(event, to: node) }
      }
    }
  }

  private func apply(_ event: WatchEvent, to node: Node) {
    if !event.name.isEmpty, !event.changesNames { return }
    node.noteChange()
    guard node.kind == .directory else { return }
    withEntry(of: node) { entry in
      if event.changesNames {
        do throws(DcacheError) {
          try cache.invalidate(name: event.name, in: entry)
        } catch {
          forgetNames(in: entry)
        }
      } else if event.changesRights {
        forgetNames(in: entry)
      }
    }
  }

  /// Nobody tells of a node's changes any more.
  private func lose(_ node: Node) {
    node.noteChange()
    guard node.kind == .directory else { return }
    withEntry(of: node) { entry in
      if node === top { return forgetNames(in: entry) }
      do throws(DcacheError) {
        try entry.invalidate()
      } catch {
        // Not all below was looked at, but nobody finds it.
      }
    }
  }

  /// Forget everything.
  func forgetAll() {
    backend.counters.forgotten.add(1, ordering: .relaxed)
    backend.devices.forget()
    top.noteChange()
    top.withState { if $0.watch == .useless { $0.watch = .none } }
    forgetNames(in: cache.root)
  }

  private func forgetNames(in directory: borrowing Dentry<Node>) {
    // It is a directory: no error is left.
    try? directory.invalidateChildren()
  }

  /// Lend the entry of a directory, if it has one: without, nothing is cached of its names.
  private func withEntry(of node: Node, _ body: (borrowing Dentry<Node>) -> Void) {
    if node === top { return body(cache.root) }
    guard let inode = cache.inode(number: node.id), let entry = inode.anyEntry() else { return }
    body(entry)
  }
}
