package consul

import (
	"github.com/hashicorp/consul/api"

	"github.com/ballast-lb/ballast/internal/pool"
)

// proven tells whether the answer is at least as new as the pool that it is
// to replace. A server that was just started knows its leader before it has
// replayed its log, and then has none of the instances, some of them, or what they
// were like before: what is older than what was seen is asked for once more from the
// leader itself (https://developer.hashicorp.com/consul/api-docs/features/consistency).
// So is the first state from the beginning on, also after a reload: an answer that
// is as the pool was then may be of long ago, and others follow in its log.
func (w *Watch) proven(next *pool.Pool, meta *api.QueryMeta) bool {
	if meta.LastIndex < w.seen && !w.strict && !next.Equal(w.last) {
		w.index, w.strict = 0, true
		return false
	}
	if w.strict {
		w.seen, w.index = meta.LastIndex, 0
	}
	w.seen, w.strict = max(w.seen, meta.LastIndex), false
	return true
}

// current tells whether the answer is the present state, and decides what to
// ask for next.
func (w *Watch) current(next *pool.Pool, meta *api.QueryMeta) bool {
	same, asked := next.Equal(w.last), w.plain
	streamed := meta.QueryBackend == api.QueryBackendStreaming
	w.plain = false
	switch {
	case asked && same && w.index > 0:
		return true // the index of the stream stays: it may be the higher
	case meta.LastIndex < w.index:
		// Consul was restored from older data, another server answered or
		// the stream is not ready: Consul's documentation wants the index
		// reset, so ask for all once more.
		w.index = 0
		return false
	}
	w.index = max(meta.LastIndex, 1)
	if streamed && (same || len(next.Servers) == 0) {
		w.plain = len(next.Servers) == 0 && !same || w.Status().Age(w.client.now()) >= w.client.wait/2
		return false
	}
	return true
}

// trusted tells why an answer must not replace the pool: a server without a
// leader may be just starting, and what ACLs hide is not gone.
func (w *Watch) trusted(entries []entry, meta *api.QueryMeta) error {
	if meta.QueryBackend == api.QueryBackendStreaming {
		return nil // it does not tell
	}
	if !meta.KnownLeader {
		return errNoLeader
	}
	if len(entries) > 0 {
		return nil
	}
	// To the anonymous token Consul does not say that it filtered.
	anonymous := w.client.anonymous() && meta.DefaultACLPolicy == "deny"
	if meta.ResultsFilteredByACLs || anonymous {
		return errHidden
	}
	return nil
}
