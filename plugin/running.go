package ballast

import (
	"slices"
	"sync"
)

// running are the hubs that metrics are made from when somebody asks for them:
// kept as series they would take more memory than all else for many servers.
// CoreDNS knows the instances too, but locks their list while it shuts down, and
// a scrape that waited for it would delay the end.
var running hubs

// hubs are those of one process, the newest last.
type hubs struct {
	mu   sync.Mutex
	list []*hub
}

func (r *hubs) add(h *hub) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, h)
}

func (r *hubs) remove(h *hub) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(other *hub) bool { return other == h })
}

// newestFirst has two hubs during a reload.
func (r *hubs) newestFirst() []*hub {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.list)
	slices.Reverse(list)
	return list
}
