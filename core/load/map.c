/* SPDX-License-Identifier: Apache-2.0 */
/* Maps: creating them, and the verbs on single entries. */
#include "load/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/mem.h"
#include "kernel/kernel.h"
#include "load/internal.h"

enum { RING_DEFAULT = 256 << 10 };	/* bytes */

/* a power of two of whole pages */
static uint32_t ring_size(uint32_t wanted)
{
	uint64_t size = sysconf(_SC_PAGESIZE);

	if (!wanted)
		wanted = RING_DEFAULT;
	while (size < wanted && size < 1u << 31)
		size *= 2;
	return size;
}

static uint32_t entries_of(const struct object_map *def)
{
	if (def->type == BPF_MAP_TYPE_RINGBUF)
		return ring_size(def->max_entries);
	if (def->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && def->max_entries == 0)
		return kernel_possible_cpus();
	return def->max_entries;
}

/* the descriptor or -errno */
static int try_create(const struct map *m)
{
	const struct object_map *def = m->def;
	struct new_map new = {
		.name = def->name, .type = def->type, .key_size = def->key_size,
		.value_size = def->value_size, .max_entries = m->max_entries, .flags = def->flags,
	};

	if (def->inner >= 0)
		new.inner_fd = m->unit->maps[def->inner].fd;
	return create_map(&new);
}

static int create_failed(const struct map *m, int sys, struct error *err)
{
	const struct object_map *def = m->def;
	char *what = mem_format("create map '%s'", def->name);
	/* -EOPNOTSUPP: libbpf itself does not know the type */
	int known = sys == EINVAL ? libbpf_probe_bpf_map_type(def->type, NULL) : 1;

	if (sys == EPERM || sys == EACCES)
		kernel_refused(err, sys, what);
	else if (known == 0 || known == -EOPNOTSUPP)
		error_set(err, "E-FEATURE", "%s: this kernel has no maps of its type (%u)", what,
			def->type);
	else
		error_sys(err, "E-LIMIT", sys, "%s (type %u, key %u and value %u bytes, "
			"%u entries, flags 0x%x)", what, def->type, def->key_size,
			def->value_size, m->max_entries, def->flags);
	free(what);
	return -1;
}

int map_create(struct map *m, struct error *err)
{
	if (m->def->inner >= 0 && ((size_t)m->def->inner >= m->unit->obj->n_maps ||
			m->unit->maps[m->def->inner].fd < 0))
		return error_set(err, "E-OBJECT", "map '%s' has no template", m->def->name);
	m->max_entries = entries_of(m->def);
	m->fd = try_create(m);
	if (m->fd < 0)
		return create_failed(m, -m->fd, err);
	return 0;
}

void map_release(struct map *m)
{
	if (m->fd >= 0)
		close(m->fd);
	free(m->last);
}

/* ---- facts ---- */

const struct object_map *map_def(const struct map *m)
{
	return m->def;
}

int map_fd(const struct map *m)
{
	return m->fd;
}

const char *map_name(const struct map *m)
{
	return m->def->name;
}

bool map_is_percpu(const struct map *m)
{
	return m->def->type == BPF_MAP_TYPE_PERCPU_HASH ||
		m->def->type == BPF_MAP_TYPE_PERCPU_ARRAY ||
		m->def->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

bool map_is_array(const struct map *m)
{
	return m->def->type == BPF_MAP_TYPE_ARRAY || m->def->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

uint32_t map_max_entries(const struct map *m)
{
	return m->max_entries;
}

size_t map_value_bytes(const struct map *m)
{
	size_t size = m->def->value_size;

	return map_is_percpu(m) ? ((size + 7) & ~7ul) * kernel_possible_cpus() : size;
}

/* ---- single entries ---- */

static int map_failed(struct map *m, int sys, const char *verb, struct error *err)
{
	error_sys(err, "E-MAP", sys, "%s map '%s'", verb, m->def->name);
	if (sys == E2BIG && !map_is_array(m))
		return error_hint(err, "it is full: %u entries", m->max_entries);
	if (sys == E2BIG)
		return error_hint(err, "its keys are 0 to %u", m->max_entries - 1);
	return -1;
}

/* 1, 0 or -1 as the contract says, of what a libbpf call returned */
static int found(struct map *m, int ret, const char *verb, struct error *err)
{
	int sys = ret < 0 ? errno : 0;

	if (!sys)
		return 1;
	return sys == ENOENT ? 0 : map_failed(m, sys, verb, err);
}

int map_lookup(struct map *m, const void *key, void *value, struct error *err)
{
	return found(m, bpf_map_lookup_elem(m->fd, key, value), "look up in", err);
}

int map_update(struct map *m, const void *key, const void *value, struct error *err)
{
	int ret = found(m, bpf_map_update_elem(m->fd, key, value, BPF_ANY), "update", err);
	uint32_t index;

	if (ret != 1)
		return ret ? -1 : map_failed(m, ENOENT, "update", err);
	if (map_is_array(m)) {
		memcpy(&index, key, sizeof(index));
		map_last_set(m, index, value);
	}
	return 0;
}

/*
 * Before 5.10 a per-CPU element that is used again has the old values of the
 * CPUs that did not insert it: it goes empty.
 */
int map_erase(struct map *m, const void *key)
{
	char *zero;

	if (map_is_percpu(m)) {
		zero = mem_alloc(map_value_bytes(m));
		bpf_map_update_elem(m->fd, key, zero, BPF_EXIST);
		free(zero);
	}
	return bpf_map_delete_elem(m->fd, key) < 0 ? errno : 0;
}

int map_delete(struct map *m, const void *key, struct error *err)
{
	errno = map_erase(m, key);
	return found(m, errno ? -1 : 0, "delete in", err);
}

int map_set_program(struct map *m, uint32_t index, struct unit *u, size_t program,
	uint32_t type, struct error *err)
{
	int fd;

	if (m->def->type != BPF_MAP_TYPE_PROG_ARRAY)
		return error_set(err, "E-MAP", "map '%s' holds no programs", m->def->name);
	fd = unit_load(u, program, type, 0, 0, err);
	if (fd < 0)
		return -1;
	if (bpf_map_update_elem(m->fd, &index, &fd, BPF_ANY) < 0)
		return map_failed(m, errno, "put a program in", err);
	return 0;
}

/* ---- counters ---- */

struct counters {
	struct undo undo;
	struct map *map;
	int *fds;
	unsigned *cpus;
	unsigned n;
};

static void counters_undo(struct undo *undo)
{
	struct counters *c = CONTAINER(undo, struct counters, undo);

	while (c->n > 0) {
		c->n--;
		if (c->fds[c->n] < 0)
			continue;
		bpf_map_delete_elem(c->map->fd, &c->cpus[c->n]);
		close(c->fds[c->n]);
	}
	free(c->fds);
	free(c->cpus);
	free(c);
}

static int open_counter(struct counters *c, unsigned i, const struct probe *counter,
	struct perf_event_attr *attr, struct error *err)
{
	int fd = perf_open(attr, -1, c->cpus[i]);

	if (fd == -ENODEV)		/* the CPU went offline */
		return 0;
	if (fd < 0)
		return perf_event_failed(err, -fd, counter);
	c->fds[i] = fd;
	if (bpf_map_update_elem(c->map->fd, &c->cpus[i], &fd, BPF_ANY) < 0)
		return map_failed(c->map, errno, "put a counter in", err);
	return 0;
}

int map_open_counters(struct map *m, const struct probe *counter, struct error *err)
{
	struct session *s = m->unit->session;
	struct perf_event_attr attr;
	struct counters *c;
	unsigned i;

	if (m->def->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY || m->events)
		return error_set(err, "E-MAP", "map '%s' holds no counters", m->def->name);
	if (perf_event_describe(counter, &attr, err))
		return -1;
	attr.sample_period = 0;		/* only counting */
	attr.freq = 0;
	attr.disabled = 0;
	c = mem_alloc(sizeof(*c));
	c->map = m;
	c->n = kernel_online_cpus(&c->cpus);
	c->fds = mem_array(c->n, sizeof(*c->fds));
	memset(c->fds, -1, c->n * sizeof(*c->fds));
	undo_push(s, &c->undo, m->unit, counters_undo);
	for (i = 0; i < c->n; i++) {
		if (open_counter(c, i, counter, &attr, err)) {
			undo_run(s, &c->undo);
			return -1;
		}
	}
	return 0;
}

/* ---- stacks ---- */

int map_stack(struct map *m, int64_t id, uint64_t *ips, size_t max, struct error *err)
{
	size_t words = m->def->value_size / sizeof(uint64_t), n = 0;
	uint32_t key = id;
	uint64_t *all;
	int ret = 0;

	if (m->def->type != BPF_MAP_TYPE_STACK_TRACE)
		return error_set(err, "E-MAP", "map '%s' holds no stacks", m->def->name);
	if (id < 0 || id > UINT32_MAX)
		return error_set(err, "E-MAP", "map '%s': %lld is no stack id", m->def->name,
			(long long)id);
	all = mem_array(words, sizeof(*all));
	ret = map_lookup(m, &key, all, err);
	while (ret == 1 && n < words && n < max && all[n]) {
		ips[n] = all[n];
		n++;
	}
	free(all);
	return ret < 0 ? -1 : (int)n;
}
