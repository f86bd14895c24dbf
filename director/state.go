package director

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/ballast-lb/ballast/director/verdict"
	"github.com/ballast-lb/ballast/internal/control"
)

// saved is what a director leaves to the next run besides the datapath. What is
// missing there costs little: a drain has to be ordered again, connections of a
// server that was booted meanwhile run into their timeouts.
type saved struct {
	Drains []control.DrainOrder `json:"drains,omitempty"`
	// Boots are boot ids by VIP and server, as "address:port".
	Boots map[string]map[string]string `json:"boots,omitempty"`
	// Addresses are those that were taken: of other directors on this host
	// nothing is given back.
	Addresses []netip.Addr `json:"addresses,omitempty"`
}

// stateFile keeps it, beside the control socket: director.json for
// director.sock.
type stateFile struct {
	path string

	mu      sync.Mutex // held while it is written; before the director's
	written []byte
	failed  bool // the last try, which was logged
}

func besides(socket string) string {
	path := strings.TrimSuffix(socket, filepath.Ext(socket)) + ".json"
	if path == socket {
		path += ".json"
	}
	return path
}

// read gives what is there. What cannot be used is as if it were not, with an
// error for people.
func (f *stateFile) read() (s saved, err error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return saved{}, fmt.Errorf("drains and boot ids of the run before are lost: %s: %w", f.path, err)
	}
	s.Drains = slices.DeleteFunc(s.Drains, func(o control.DrainOrder) bool { return !restorable(o) })
	f.written = text
	return s, nil
}

// restorable tells whether an order is one that could have been given; its
// times may have passed since.
func restorable(o control.DrainOrder) bool { return o.Server != "" && o.Validate(o.Set) == nil }

// write replaces the file if it is to change, readable by its owner only.
func (f *stateFile) write(s saved) error {
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	if bytes.Equal(text, f.written) {
		return nil
	}
	if err := replaceFile(f.path, text); err != nil {
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	f.written = text
	return nil
}

// replaceFile has the file with all of the text, or as it was.
func replaceFile(path string, text []byte) error {
	to, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = to.Write(text)
	err = errors.Join(err, to.Close())
	if err == nil {
		err = os.Rename(to.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to.Name()))
	}
	return nil
}

// bootID is what is known of a server's.
type bootID struct {
	id      string
	earlier bool // of an earlier run: the verdict does not know it
}

// bootKey tells servers apart as the datapath does.
type bootKey struct {
	vip    string
	server netip.AddrPort
}

// rebooted notes a server's boot id, and tells whether an earlier run saw
// another one: of what changes in this one the verdict tells. d.mu is held.
func (d *Director) rebooted(v *vip, s verdict.Server) bool {
	p := v.servers.last().Find(s.ID)
	if p == nil {
		p = v.spare.last().Find(s.ID)
	}
	if p == nil || p.Load.Boot == "" {
		return false
	}
	k := bootKey{v.conf.Name, netip.AddrPortFrom(s.Addr, s.Port)}
	was := d.boots[k]
	if is := (bootID{id: p.Load.Boot}); was != is {
		d.boots[k] = is
		d.unsaved = true
	}
	return was.earlier && was.id != p.Load.Boot
}

// restoreState takes over what an earlier run has left. d.mu is held.
func (d *Director) restoreState() {
	s, err := d.file.read()
	if err != nil {
		d.log.Warn("the director starts anew", "error", err)
	}
	d.orders = s.Drains
	for vip, servers := range s.Boots {
		for server, id := range servers {
			if at, err := netip.ParseAddrPort(server); err == nil {
				d.boots[bootKey{vip, at}] = bootID{id, true}
			}
		}
	}
	for _, addr := range s.Addresses {
		d.claims[addr] = &claim{err: errPending}
	}
	if len(d.orders) > 0 {
		d.log.Info("drains go on", "orders", len(d.orders))
	}
}

// save writes what the next run needs, if it has changed.
func (d *Director) save() {
	d.file.mu.Lock()
	defer d.file.mu.Unlock()
	s, changed := d.savable()
	if !changed {
		return
	}
	err := d.file.write(s)
	if err != nil {
		if !d.file.failed {
			d.log.Warn("a restart will not know of drains and boot ids", "error", err)
		}
		d.mu.Lock()
		d.unsaved = true
		d.mu.Unlock()
	}
	d.file.failed = err != nil
}

func (d *Director) savable() (saved, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.unsaved {
		return saved{}, false
	}
	d.unsaved = false
	s := saved{Drains: slices.Clone(d.orders), Boots: make(map[string]map[string]string)}
	for k, boot := range d.boots {
		if s.Boots[k.vip] == nil {
			s.Boots[k.vip] = make(map[string]string)
		}
		s.Boots[k.vip][k.server.String()] = boot.id
	}
	s.Addresses = slices.SortedFunc(maps.Keys(d.claims), netip.Addr.Compare)
	return s, true
}

// forgetBoots drops the boot ids of VIPs that are configured no more.
func (d *Director) forgetBoots() {
	maps.DeleteFunc(d.boots, func(k bootKey, _ bootID) bool { return d.vips[k.vip] == nil })
	d.unsaved = true
}
