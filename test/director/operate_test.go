//go:build linux

package director_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/internal/control"
	"github.com/ballast-lb/ballast/test/lab"
)

// TestOperate looks at a director as its operators do.
func TestOperate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	echoes := w.echoes(80)
	w.configure(`metrics = "127.0.0.1:9154"`, w.vip("web", w.VIP(0), 80, `scheduler = "rr"`), w.vip("web6", w.VIP6(0), 80))
	w.start()
	all := idlers(t, w, at(w.VIP(0), 80), 6)
	echoes[0].Stop() // one of the next goes by a server that refuses
	all = append(all, idlers(t, w, at(w.VIP(0), 80), 3)...)
	t.Run("connections", func(t *testing.T) { connections(t, w, all) })
	t.Run("explain", func(t *testing.T) { explain(t, w, all) })
	t.Run("metrics", func(t *testing.T) { metrics(t, w) })
	t.Run("capabilities", func(t *testing.T) { capabilities(t, w) })
	t.Run("one at a time", func(t *testing.T) { alone(t, w) })
}

// clientOf is the connection's end as the director names it.
func clientOf(t *testing.T, one *idle) netip.AddrPort {
	t.Helper()
	a := one.conn.LocalAddr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func connections(t *testing.T, w *world, all []*idle) {
	found := map[netip.AddrPort]control.Connection{}
	for c, err := range w.control.Connections(t.Context(), control.ConnFilter{VIP: "web", State: control.ConnEstablished}) {
		if err != nil {
			t.Fatal(err)
		}
		found[c.Client] = c
	}
	if len(found) != len(all) {
		t.Errorf("%d connections, want %d", len(found), len(all))
	}
	for _, one := range all {
		c := found[clientOf(t, one)]
		i := int(one.server[1] - '1')
		if c.Server != netip.AddrPortFrom(w.Servers[i].Addr, 80) || c.VIP != netip.AddrPortFrom(w.VIP(0), 80) || c.Expires.Duration() < 800*time.Second {
			t.Errorf("A connection to %s is said to be %+v", one.server, c)
		}
	}
}

func explain(t *testing.T, w *world, all []*idle) {
	moved := 0
	for _, one := range all {
		e, err := w.control.Explain(t.Context(), control.ConnExplainRequest{Client: clientOf(t, one)})
		if err != nil || !e.Found || e.Service != "web" || len(e.Candidates) != 3 {
			t.Fatalf("%+v, %v", e, err)
		}
		if strings.Contains(strings.Join(e.Sentences, "\n"), w.Servers[0].Addr.String()+":80 was tried before") {
			moved++
		}
	}
	if n := w.reason("web", "retry_reset"); moved == 0 || uint64(moved) != n {
		t.Errorf("%d connections were explained by the server that refuses, of %d that were moved", moved, n)
	}
}

// metrics scrapes from the director's host.
func metrics(t *testing.T, w *world) {
	conn, err := w.Director.Dial(t.Context(), "tcp", "127.0.0.1:9154")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit)) // it is open
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil || !bytes.Contains(text, []byte(http.StatusText(http.StatusOK))) {
		t.Fatalf("%v, %s", err, text)
	}
	for _, want := range []string{`vip="web"`, `reason="forward_new"`, fmt.Sprintf("server=%q", w.Servers[1].Addr)} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("The metrics have no %s:\n%s", want, text)
		}
	}
}

// capabilities are few once the director serves.
func capabilities(t *testing.T, w *world) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "CapEff:\t")
	const want = 1<<12 | 1<<13 | 1<<38 | 1<<39 // NET_ADMIN, NET_RAW, PERFMON, BPF
	var got uint64
	if _, err := fmt.Sscanf(after, "%x", &got); err != nil || got != want {
		t.Errorf("The capabilities are %#x, want %#x; %v", got, uint64(want), err)
	}
}

// alone: a second director on the same state is refused, and harms nobody.
func alone(t *testing.T, w *world) {
	config, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	other := w.file + ".other"
	text := strings.Replace(string(config), w.socket(), w.socket()+"2", 1)
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := w.run("-config", other)
	if err == nil || !strings.Contains(out, w.state()) {
		t.Errorf("A second director ended with %v: %s", err, out)
	}
	if got := reached(t, w, w.VIP(0)); got["s2"] == 0 || got["s3"] == 0 {
		t.Errorf("Then connections go to %v", got)
	}
}
