package director

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ballast-lb/ballast/director/config"
	"github.com/ballast-lb/ballast/internal/control"
)

func TestGateWaits(t *testing.T) {
	var g gate
	if err := g.enter(); err != nil {
		t.Fatal(err)
	}
	shut := make(chan struct{})
	go func() {
		g.shut()
		close(shut)
	}()
	await(t, "somebody wants to shut it", func() bool {
		free := g.mu.TryRLock()
		if free {
			g.mu.RUnlock()
		}
		return !free
	})
	select {
	case <-shut:
		t.Error("it shut while somebody was in")
	default:
	}
	g.leave()
	<-shut
	if err := g.enter(); !errors.Is(err, errEnding) {
		t.Errorf("then it lets in: %v", err)
	}
}

// TestRequestsAfterTheEnd are refused instead of reading what is unmapped.
func TestRequestsAfterTheEnd(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	w.start()
	d := w.Director
	w.stop(d)
	ctx := t.Context()
	_, status := d.Status(ctx)
	_, explain := d.Explain(ctx, control.ConnExplainRequest{})
	_, drain := d.Drain(ctx, control.DrainOrder{Server: "a"})
	_, undrain := d.Undrain(ctx, "a", "")
	all := map[string]error{"status": status, "explain": explain, "drain": drain, "undrain": undrain}
	for _, err := range d.Connections(ctx, control.ConnFilter{}) {
		all["connections"] = err
	}
	for name, err := range all {
		if !errors.Is(err, errEnding) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(all) != 5 {
		t.Errorf("%d requests", len(all))
	}
}

// TestRunThatFails ends what it has begun, and tells why.
func TestRunThatFails(t *testing.T) {
	w := newWorld(t)
	w.write(vipBlock("web", "10.200.0.1", 80, "10.201.0.11"))
	cfg, err := config.Load(w.file())
	if err != nil {
		t.Fatal(err)
	}
	run := func(o Options) error {
		o.Config, o.Log = cfg, slog.New(slog.DiscardHandler)
		var err error
		w.space.Enter(t, func() { err = Run(t.Context(), o) })
		return err
	}
	t.Run("no privileges are dropped", func(t *testing.T) {
		refused := errors.New("refused")
		if err := run(Options{Ready: func() error { return refused }}); !errors.Is(err, refused) {
			t.Errorf("it ends with %v", err)
		}
	})
	t.Run("a VIP cannot be opened", func(t *testing.T) {
		cfg.VIPs[0].Scheduler = "nonsense"
		if err := run(Options{}); err == nil || !strings.Contains(err.Error(), "nonsense") {
			t.Errorf("it ends with %v", err)
		}
		cfg.VIPs[0].Scheduler = config.WeightedLeastConn
	})
	t.Run("the socket is taken", func(t *testing.T) {
		l, err := net.Listen("unix", cfg.Control)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := run(Options{}); err == nil {
			t.Error("it runs")
		}
	})
	if _, err := os.Stat(filepath.Join(w.dir, "director.sock")); err == nil {
		t.Error("the socket is still there")
	}
	if _, err := os.Stat(w.state); err != nil {
		t.Errorf("what is pinned is gone: %v", err)
	}
}
