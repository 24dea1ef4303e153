/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Abseil's flat_hash_map in 64 shards by the hash's upper bits, each with an absl::Mutex, which lookups
 * take shared. A name is hashed once for both; room for a sixteenth more than the mean in each shard.
 */
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>

#include "key.hh"

namespace
{

struct hashed_view : key_view {
	size_t hash;

	explicit hashed_view(const key_view &view) : key_view(view), hash(key_hash_of(view))
	{
	}
};

struct absl_hash {
	using is_transparent = void;

	size_t operator()(const hashed_view &k) const
	{
		return k.hash;
	}

	size_t operator()(const key &k) const
	{
		return key_hash_of(k);
	}
};

class absl_table
{
	struct alignas(64) shard {
		absl::Mutex lock;
		absl::flat_hash_map<key, uintptr_t, absl_hash, key_equal_to> names;
	};

	shard shards[64];

	shard &shard_of(const hashed_view &k)
	{
		return shards[k.hash >> 58];
	}

      public:
	explicit absl_table(size_t entries)
	{
		for (shard &s : shards)
			s.names.reserve(entries / 64 + entries / 64 / 16 + 8);
	}

	bool insert(const key_view &view, uintptr_t value)
	{
		hashed_view k(view);
		shard &s = shard_of(k);
		absl::MutexLock hold(&s.lock);

		return s.names.try_emplace(k, value).second;
	}

	uintptr_t lookup(const key_view &view)
	{
		hashed_view k(view);
		shard &s = shard_of(k);
		absl::ReaderMutexLock hold(&s.lock);
		auto at = s.names.find(k);

		return at == s.names.end() ? 0 : at->second;
	}

	bool remove(const key_view &view)
	{
		hashed_view k(view);
		shard &s = shard_of(k);
		absl::MutexLock hold(&s.lock);

		return s.names.erase(k);
	}
};

} // namespace

extern "C" const struct table_ops table_absl = cxx_table<absl_table>::ops("absl");
