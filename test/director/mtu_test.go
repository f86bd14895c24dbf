//go:build linux

package director_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ballast-lb/ballast/test/lab"
)

// bulkServer takes what a client sends until it closes, then sends the sum of
// it, and then as much again of its own.
func bulkServer(t *testing.T, s *lab.Server, port int) {
	t.Helper()
	listener, err := s.Listen(t.Context(), "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // Close
			}
			serving.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Minute)) // it is open
				sum := sha256.New()
				n, err := io.Copy(sum, conn)
				if err != nil {
					return
				}
				_, _ = conn.Write(sum.Sum(nil)) // the client will notice
				_, _ = io.Copy(conn, io.LimitReader(noise(2), n))
			})
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
}

// noise is the same for the same seed.
func noise(seed uint64) io.Reader {
	var key [32]byte
	key[0] = byte(seed)
	return rand.NewChaCha8(key)
}

// bulk sends size bytes to a bulkServer, reads as many, and compares both.
func bulk(t *testing.T, w *world, to string, size int64) {
	t.Helper()
	transfer(t, open(t, w, to), size)
}

func open(t *testing.T, w *world, to string) *net.TCPConn {
	t.Helper()
	conn, err := w.Client.Dial(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // it is open
	return conn.(*net.TCPConn)
}

func transfer(t *testing.T, conn *net.TCPConn, size int64) {
	t.Helper()
	defer conn.Close()
	to, begun, sent := conn.RemoteAddr(), time.Now(), sha256.New()
	if _, err := io.Copy(conn, io.TeeReader(io.LimitReader(noise(1), size), sent)); err != nil {
		t.Fatalf("Send to %s: %v", to, err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	there := make([]byte, sha256.Size)
	if _, err := io.ReadFull(conn, there); err != nil {
		t.Fatalf("Read the sum from %s: %v", to, err)
	}
	up := time.Since(begun)
	if !bytes.Equal(there, sent.Sum(nil)) {
		t.Errorf("%s has got other bytes than were sent", to)
	}
	begun = time.Now()
	got, want := sha256.New(), sumOf(noise(2), size)
	n, err := io.Copy(got, conn)
	if err != nil || n != size || !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
		t.Errorf("From %s: %d of %d bytes, or other ones, %v", to, n, size, err)
	}
	mbit := func(d time.Duration) float64 { return float64(size) * 8 / 1e6 / d.Seconds() }
	t.Logf("%s: %.0f Mbit/s up, %.0f down", to, mbit(up), mbit(time.Since(begun)))
}

func sumOf(r io.Reader, size int64) hash.Hash {
	h := sha256.New()
	_, _ = io.Copy(h, io.LimitReader(r, size)) // it does not fail
	return h
}

// TestBulkTransfer sends much in both directions, in large segments that only
// the last interface cuts.
func TestBulkTransfer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	for _, s := range w.Servers {
		bulkServer(t, s, 90)
	}
	const port = `check "tcp" { port = 80 }`
	w.configure(
		w.vip("web", w.VIP(0), 90, port), w.vip("web6", w.VIP6(0), 90, port),
		w.vip("full", w.VIP(1), 90, port, `mode = "fullnat"`), w.vip("full6", w.VIP6(1), 90, port, `mode = "fullnat"`))
	w.start()
	length := int64(size(20<<20, 50<<20))
	for _, to := range []string{at(w.VIP(0), 90), at(w.VIP6(0), 90), at(w.VIP(1), 90), at(w.VIP6(1), 90)} {
		bulk(t, w, to, length)
	}
}

// TestSmallerMTUTowardsServers: clients learn of it by ICMP, with a connection
// that is open already and with new ones.
func TestSmallerMTUTowardsServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{Servers: 1})
	w.echoes(90)
	bulkServer(t, w.Servers[0], 91)
	const port = `check "tcp" { port = 90 }`
	w.configure(w.vip("web", w.VIP(0), 91, port), w.vip("web6", w.VIP6(0), 91, port))
	w.start()
	vips := map[string]netip.Addr{"web": w.VIP(0), "web6": w.VIP6(0)}
	for name, vip := range vips {
		before := open(t, w, at(vip, 91))
		if err := w.Director.SetMTU("br0", 1280); err != nil {
			t.Fatal(err)
		}
		eventually(t, "packets to be too big for "+name, func() error {
			if w.reason(name, "drop_too_big") > 0 {
				return nil
			}
			bulk(t, w, at(vip, 91), 1<<20)
			return errors.New("none was")
		})
		out, err := w.Client.Command("ip", "route", "get", vip.String()).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "mtu 1280") {
			t.Errorf("%s: the client did not learn the MTU: %v %s", name, err, out)
		}
		transfer(t, before, 1<<20)
		bulk(t, w, at(vip, 91), 4<<20)
		if err := w.Director.SetMTU("br0", 1500); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLargeDatagrams come in fragments, and are answered so.
func TestLargeDatagrams(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lab.Options{})
	w.echoes(80)
	const udp = `protocol = "udp"`
	w.configure(w.vip("udp", w.VIP(0), 80, udp), w.vip("udp6", w.VIP6(0), 80, udp),
		w.vip("full", w.VIP(1), 80, udp, `mode = "fullnat"`), w.vip("full6", w.VIP6(1), 80, udp, `mode = "fullnat"`))
	w.start()
	for _, to := range []string{at(w.VIP(0), 80), at(w.VIP6(0), 80), at(w.VIP(1), 80), at(w.VIP6(1), 80)} {
		for _, length := range []int{4000, 1400, 60000} {
			if err := datagram(t, w, to, length); err != nil {
				t.Errorf("%s, %d bytes: %v", to, length, err)
			}
		}
	}
}

// datagram is there and back. As it is not repeated, it must not be lost.
func datagram(t *testing.T, w *world, to string, length int) error {
	conn, err := w.Client.Dial(t.Context(), "udp", to)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second)) // it is open
	data := make([]byte, length)
	_, _ = noise(uint64(length)).Read(data) // it does not fail
	if _, err := conn.Write(data); err != nil {
		return err
	}
	answer := make([]byte, 1<<16)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	_, rest, _ := bytes.Cut(answer[:n], []byte(" "))
	if !bytes.Equal(rest, data) {
		return fmt.Errorf("%d bytes came back, or other ones", len(rest))
	}
	return nil
}
