package director

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// edit replaces text in the configuration.
func (w *world) edit(old, new string) {
	w.t.Helper()
	text, err := os.ReadFile(w.file())
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		w.t.Fatalf("there is no %q in %s", old, text)
	}
	if err := os.WriteFile(w.file(), []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestReloadThatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.edit("connections = 4096", "connections = 4096\nmetrics = \"127.0.0.1:1\"")
	w.start()
	w.settled()
	for _, c := range []struct{ name, old, new, want string }{
		{"it cannot be read", "ports = [80]", "prots = [80]", `did you mean "ports"?`},
		{"control", "director.sock", "other.sock", "other.sock, which needs a restart"},
		{"metrics", "127.0.0.1:1", "127.0.0.1:2", "metrics changed from 127.0.0.1:1 to 127.0.0.1:2, which needs a restart"},
		{"state", `/d"`, `/e"`, "which needs a restart"},
		{"connections", "connections = 4096", "connections = 8192", "connections changed from 4096 to 8192, which needs a restart (connections survive it)"},
		{"timeouts", "connections = 4096", "connections = 4096\ntimeouts { udp = \"9s\" }", "timeouts changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, loaded := w.vips["web"], w.loaded
			w.edit("10.201.0.11", "10.201.0.12") // must not count
			w.edit(c.old, c.new)
			w.hup()
			s, err := w.Status(t.Context())
			if err != nil || !strings.Contains(s.ConfigError, c.want) || s.ConfigFailed.IsZero() {
				t.Errorf("the status says %q, %v, want %q", s.ConfigError, err, c.want)
			}
			if w.vips["web"] != before || !w.loaded.Equal(loaded) || !slices.Equal(w.members("web"), []string{"10.201.0.11"}) {
				t.Errorf("something changed: connections go to %v", w.members("web"))
			}
			w.edit(c.new, c.old)
			w.edit("10.201.0.12", "10.201.0.11")
			w.hup()
			if s, err = w.Status(t.Context()); err != nil || s.ConfigError != "" || !s.ConfigFailed.IsZero() {
				t.Errorf("put right, the status says %q, %v", s.ConfigError, err)
			}
		})
	}
}

// TestReloadThatFailsMidway goes back to where it was, with the same sources.
func TestReloadThatFailsMidway(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	feed := w.vips["web"].servers
	cfg := *w.cfg
	cfg.VIPs = append(slices.Clone(cfg.VIPs), cfg.VIPs[0])
	cfg.VIPs[1].Name, cfg.VIPs[1].Scheduler = "other", "nonsense"
	if err := w.replace(t.Context(), &cfg); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Fatalf("it was taken: %v", err)
	}
	w.pass(step)
	if v := w.vips["web"]; v.servers != feed || len(w.vips) != 1 || v.trouble != nil || w.cfg == &cfg {
		t.Errorf("it is not as before: %+v", v)
	}
	w.wantAnswers(map[string]string{"10.200.0.1:80": "web"})
	select {
	case <-feed.done:
		t.Error("its source has ended")
	default:
	}
}

// TestReloadKeeps what does not change: sources, servers and being served.
func TestReloadKeeps(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	w.settled()
	was := w.vips["web"]
	feed, id := was.servers, was.reals["10.201.0.11"].id
	w.edit("ports = [80]", "ports = [80, 443]")
	w.now = w.now.Add(time.Second)
	w.hup()
	v := w.vips["web"]
	if v == was || v.servers != feed || v.reals["10.201.0.11"].id != id || !v.served {
		t.Errorf("%+v was %+v", v, was)
	}
	w.wantAnswers(map[string]string{"10.200.0.1:80": "web", "10.200.0.1:443": "web"})
	w.edit("ports = [80, 443]", "ports = [443]")
	w.hup()
	w.settled()
	w.wantAnswers(map[string]string{"10.200.0.1:80": "", "10.200.0.1:443": "web"})
}
