//go:build linux

package director_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// world is a lab with a director in it.
type world struct {
	*lab.Lab
	t       *testing.T
	file    string // the configuration
	control *control.DirectorClient
	cmd     *lab.Cmd // nil while the director does not run
	log     output
}

// output keeps what a process writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// newWorld builds a lab. Its director does not run yet.
func newWorld(t *testing.T, o lab.Options) *world {
	t.Helper()
	w := &world{Lab: lab.ForTest(t, o), t: t}
	w.file = filepath.Join(w.Dir(), "director.hcl")
	w.control = control.DialDirector(w.socket())
	t.Cleanup(func() {
		if w.cmd != nil {
			w.cmd.Kill()
		}
		if t.Failed() {
			t.Logf("The director says:\n%s", w.log.String())
		}
	})
	return w
}

func (w *world) socket() string { return filepath.Join(w.Dir(), "c.sock") }
func (w *world) state() string  { return filepath.Join(w.BPF(), "d") }

// configure writes the configuration: the head that all have, and the rest.
func (w *world) configure(rest ...string) {
	w.t.Helper()
	head := fmt.Sprintf("interfaces = [\"d0\", \"br0\"]\ncontrol = %q\nstate = %q\n", w.socket(), w.state())
	if !strings.Contains(strings.Join(rest, ""), "connections =") {
		head += "connections = 16384\n"
	}
	w.write(head + strings.Join(rest, "\n"))
}

func (w *world) write(config string) {
	w.t.Helper()
	if err := os.WriteFile(w.file, []byte(config), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// vip is a VIP's block, with all servers of its family unless the settings
// name some.
func (w *world) vip(name string, address netip.Addr, port int, settings ...string) string {
	all := strings.Join(settings, "\n")
	if !strings.Contains(all, "servers ") {
		all += "\nservers = " + w.list(address.Is6())
	}
	return fmt.Sprintf("vip %q {\naddress = %q\nports = [%d]\n%s\n}\n", name, address, port, all)
}

// list is all servers.
func (w *world) list(v6 bool) string {
	var all []string
	for _, s := range w.Servers {
		if v6 {
			all = append(all, fmt.Sprintf("%q", s.Addr6))
		} else {
			all = append(all, fmt.Sprintf("%q", s.Addr))
		}
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// quick is a check that notices what happens within half a second.
const quick = `check "tcp" { interval = "200ms", timeout = "150ms", fall = 2, rise = 2 }`

// start starts the director and waits until it serves.
func (w *world) start() {
	w.t.Helper()
	w.launch()
	w.ready()
}

// launch starts the director.
func (w *world) launch() {
	w.t.Helper()
	w.cmd = w.Director.Command(filepath.Join(bin, "ballast-director"), "-config", w.file)
	w.cmd.Stderr = &w.log
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
}

// ready waits until every VIP is served by all its servers.
func (w *world) ready() {
	w.t.Helper()
	status := w.await("every VIP to be served", func(s control.DirectorStatus) error {
		for _, v := range s.VIPs {
			if v.Error != "" {
				return fmt.Errorf("vip %s: %s", v.Name, v.Error)
			}
			for _, r := range v.Servers {
				if r.State != control.RealUp && !r.Fallback {
					return fmt.Errorf("vip %s: %s is %s: %s", v.Name, r.ID, r.State, r.Reason)
				}
			}
		}
		return nil
	})
	for _, v := range status.VIPs {
		w.reach(v.Address)
	}
}

// reach lets the client find a VIP's neighbour, by a datagram that the host
// itself refuses: so no connection waits for that.
func (w *world) reach(vip netip.Addr) {
	w.t.Helper()
	const discard = 9
	eventually(w.t, fmt.Sprintf("%s to be found", vip), func() error {
		conn, err := w.Client.Dial(w.t.Context(), "udp", at(vip, discard))
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(200 * time.Millisecond)) // it is open
		if _, err = conn.Write([]byte("?")); err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return fmt.Errorf("it does not refuse: %w", err)
		}
		return nil
	})
}

// kill ends the director by SIGKILL.
func (w *world) kill() {
	w.cmd.Kill()
	w.cmd = nil
}

// stop ends it by SIGTERM.
func (w *world) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	if err := w.cmd.Stop(ctx); err != nil {
		w.t.Fatalf("The director ends with %v", err)
	}
	w.cmd = nil
}

// hup has it read its configuration again, and waits until it has.
func (w *world) hup() control.DirectorStatus {
	w.t.Helper()
	before := w.status()
	if err := w.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		w.t.Fatal(err)
	}
	return w.await("the configuration to be read", func(s control.DirectorStatus) error {
		if s.ConfigLoaded.Equal(before.ConfigLoaded) && s.ConfigFailed.Equal(before.ConfigFailed) {
			return errors.New("it was not")
		}
		return nil
	})
}

// run runs ballast-director to its end.
func (w *world) run(args ...string) (string, error) {
	w.t.Helper()
	out, err := w.Director.Command(filepath.Join(bin, "ballast-director"), args...).CombinedOutput()
	return string(out), err
}

func (w *world) status() control.DirectorStatus {
	w.t.Helper()
	s, err := w.control.Status(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// limit is how long to wait for anything that has to happen.
const limit = 15 * time.Second

// await polls the director's status until good finds nothing wrong with it.
func (w *world) await(what string, good func(control.DirectorStatus) error) control.DirectorStatus {
	w.t.Helper()
	var last control.DirectorStatus
	eventually(w.t, what, func() error {
		s, err := w.control.Status(w.t.Context())
		if err != nil {
			return err
		}
		last = s
		return good(s)
	})
	return last
}

// eventually polls until good returns nil.
func eventually(t *testing.T, what string, good func() error) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		err := good()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Waiting for %s: %v", what, err)
		}
	}
}

// server waits until a server of a VIP is in a state.
func (w *world) server(vip string, s *lab.Server, state control.RealState) control.RealStatus {
	w.t.Helper()
	var found control.RealStatus
	w.await(fmt.Sprintf("%s of %s to be %s", s.Name, vip, state), func(status control.DirectorStatus) error {
		r, err := realOf(status, vip, s)
		if err == nil && r.State != state {
			err = fmt.Errorf("it is %s: %s", r.State, r.Reason)
		}
		found = r
		return err
	})
	return found
}

func vipOf(s control.DirectorStatus, name string) (control.VIPStatus, error) {
	for _, v := range s.VIPs {
		if v.Name == name {
			return v, nil
		}
	}
	return control.VIPStatus{}, fmt.Errorf("there is no VIP %s", name)
}

func realOf(status control.DirectorStatus, vip string, s *lab.Server) (control.RealStatus, error) {
	v, err := vipOf(status, vip)
	if err != nil {
		return control.RealStatus{}, err
	}
	for _, r := range v.Servers {
		if a := r.Address.Addr(); a == s.Addr || a == s.Addr6 {
			return r, nil
		}
	}
	return control.RealStatus{}, fmt.Errorf("VIP %s has no server %s", vip, s.Name)
}

// reason is how many packets of a VIP left the datapath for a reason.
func (w *world) reason(vip, reason string) uint64 {
	w.t.Helper()
	v, err := vipOf(w.status(), vip)
	if err != nil {
		w.t.Fatal(err)
	}
	return v.Reasons[reason]
}

// echoes starts a test server at each port of each server; the first port's
// come back.
func (w *world) echoes(ports ...int) []*lab.Echo {
	w.t.Helper()
	var first []*lab.Echo
	for i, port := range ports {
		for _, s := range w.Servers {
			e, err := s.StartEcho(port)
			if err != nil {
				w.t.Fatal(err)
			}
			w.t.Cleanup(e.Close)
			if i == 0 {
				first = append(first, e)
			}
		}
	}
	return first
}

// at is an address with a port, to dial.
func at(a netip.Addr, port int) string { return netip.AddrPortFrom(a, uint16(port)).String() }
