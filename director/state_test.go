package director

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
)

func TestStateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "director.json")
	set := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	want := saved{
		Drains:    []control.DrainOrder{{Server: "a", VIP: "web", Deadline: set.Add(time.Hour), By: "me", Set: set}},
		Boots:     map[string]map[string]string{"web": {"192.0.2.1:80": "one"}},
		Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.9")},
	}
	if s, err := (&stateFile{path: path}).read(); err != nil || !reflect.DeepEqual(s, saved{}) {
		t.Errorf("without a file: %+v, %v", s, err)
	}
	if err := (&stateFile{path: path}).write(want); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	f := &stateFile{path: path}
	if got, err := f.read(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := f.write(want); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the same was written again")
	}
	want.Drains = nil
	if err := f.write(want); err != nil {
		t.Fatal(err)
	}
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); err != nil || len(names) != 1 {
		t.Errorf("there are %v, %v", names, err)
	}
	if err := (&stateFile{path: filepath.Join(path, "none", "director.json")}).write(want); err == nil {
		t.Error("it was written where nothing can be")
	}
}

func TestStateFileThatIsBroken(t *testing.T) {
	for _, c := range []struct{ name, text, err string }{
		{"cut off", `{"drains": [`, "unexpected end"},
		{"empty", "", "unexpected end"},
		{"of another type", `{"addresses": ["nonsense"]}`, "nonsense"},
		{"an order without a server", `{"drains": [{"vip": "web"}]}`, ""},
		{"a pattern that is none", `{"drains": [{"server": "[a"}]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "director.json")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := (&stateFile{path: path}).read()
			if len(s.Drains)+len(s.Boots)+len(s.Addresses) > 0 {
				t.Errorf("got %+v", s)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("the error is %v, want %q", err, c.err)
			}
		})
	}
}

func TestBesides(t *testing.T) {
	for socket, want := range map[string]string{
		"/run/ballast/director.sock": "/run/ballast/director.json", "/run/a.b/socket": "/run/a.b/socket.json", "/run/x.json": "/run/x.json.json",
	} {
		if got := besides(socket); got != want {
			t.Errorf("%s for %s, want %s", got, socket, want)
		}
	}
}

// TestRebootWhileDown: the boot id changed while no director ran.
func TestRebootWhileDown(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		raised              uint32
	}{
		{"another", "one", "two", 1}, {"the same", "one", "one", 0}, {"not known before", "", "two", 0}, {"not known now", "one", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
			w.start()
			w.settled()
			s := server("10.201.0.11", "10.201.0.11", 0)
			w.tell("web", booted(s, c.before))
			w.pass(step)
			id, generation := w.vips["web"].reals[s.ID].id, w.generation("web", s.ID)
			w.restart()
			w.settled() // without boot ids at first, as while agents were not asked
			if got := w.generation("web", s.ID); got != generation {
				t.Errorf("generation %d before anything was known, was %d", got, generation)
			}
			for range 2 {
				w.tell("web", booted(s, c.after))
				w.pass(step)
			}
			if got := w.generation("web", s.ID); got != generation+c.raised || w.vips["web"].reals[s.ID].id != id {
				t.Errorf("generation %d, was %d", got, generation)
			}
		})
	}
}

// generation is a server's in the datapath.
func (w *world) generation(vip, id string) uint32 {
	v := w.vips[vip]
	return w.plane.Reals(v.id)[v.reals[id].id].Generation
}

// TestAddressOfRunBefore is given back when it is configured no more.
func TestAddressOfRunBefore(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	w.tend(t.Context())
	w.stop(w.Director)
	w.write(vipBlock("web", "10.200.0.2", 80, "10.201.0.11"))
	w.start()
	w.settled()
	if got := w.held(); len(got) != 1 || got[0] != "10.200.0.1" {
		t.Errorf("held are %v at first", got)
	}
	w.tend(t.Context())
	if got := w.held(); len(got) != 1 || got[0] != "10.200.0.2" {
		t.Errorf("held are %v", got)
	}
}
