package route

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ballast-lb/ballast/director/route/nstest"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// watched runs Watch and hands over its calls.
func watched(t *testing.T, table *Table) (changes chan struct{}, failures chan Neighbour) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changes, failures = make(chan struct{}, 100), make(chan Neighbour, 100)
	done := make(chan error, 1)
	go func() {
		done <- table.Watch(ctx, func() { changes <- struct{}{} }, func(n Neighbour) { failures <- n })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	return changes, failures
}

func wait[T any](t *testing.T, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(patience):
		t.Fatalf("%s: nothing in %v", what, patience)
	}
	return v
}

func TestWatchChanges(t *testing.T) {
	director, server, table := pair(t)
	changes, _ := watched(t, table)
	wait(t, changes, "the first call")
	settled(t, changes)
	steps := []struct {
		name string
		do   func()
	}{
		{"address", func() { director.Address(t, "br0", "10.205.0.1/24") }},
		{"address, IPv6", func() { director.Address(t, "br0", "fd00:205::1/64") }},
		{"route", func() { director.Route(t, "10.202.0.0/24", "10.201.0.254", 1400) }},
		{"route, IPv6", func() { director.Route(t, "fd00:202::/64", "fd00:201::254", 1400) }},
		{"interface", func() { director.Bridge(t, "br1") }},
		{"carrier", func() {
			server.Enter(t, func() {
				if err := netlink.LinkSetDown(server.Link(t, "s0")); err != nil {
					t.Fatal(err)
				}
			})
		}},
	}
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			director.Enter(t, s.do)
			wait(t, changes, s.name)
			settled(t, changes)
		})
	}
}

// settled waits until no change has come for a while: interfaces of a test
// get link-local addresses and multicast routes in their own time.
func settled(t *testing.T, changes <-chan struct{}) {
	t.Helper()
	for end := time.After(patience); ; {
		select {
		case <-changes:
		case <-time.After(5 * Settle):
			return
		case <-end:
			t.Fatal("changes without end")
		}
	}
}

func TestWatchNeighbours(t *testing.T) {
	director, _, table := pair(t)
	changes, failures := watched(t, table)
	wait(t, changes, "the first call")
	var index int
	director.Enter(t, func() {
		index = director.Link(t, "br0").Attrs().Index
		for _, key := range []string{"ipv4", "ipv6"} { // else three seconds
			director.Set(t, "net/"+key+"/neigh/br0/retrans_time_ms", "20")
		}
		for _, silent := range []string{"10.201.0.99", "fd00:201::99"} {
			conn, err := net.Dial("udp", net.JoinHostPort(silent, "9"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("?")); err != nil {
				t.Fatal(err)
			}
		}
	})
	got := []Neighbour{wait(t, failures, "a failed neighbour"), wait(t, failures, "another")}
	slices.SortFunc(got, func(a, b Neighbour) int { return a.Addr.Compare(b.Addr) })
	if want := []Neighbour{{addr("10.201.0.99"), index}, {addr("fd00:201::99"), index}}; !slices.Equal(got, want) {
		t.Errorf("failed %v, want %v", got, want)
	}
}

func TestWatchLeavesDeletedNeighbours(t *testing.T) {
	director, _, table := pair(t)
	changes, failures := watched(t, table)
	wait(t, changes, "the first call")
	director.Enter(t, func() {
		index := director.Link(t, "br0").Attrs().Index
		n := &netlink.Neigh{LinkIndex: index, IP: net.ParseIP("10.201.0.11"), State: unix.NUD_REACHABLE,
			HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}
		if err := netlink.NeighSet(n); err != nil {
			t.Fatal(err)
		}
		if err := netlink.NeighDel(n); err != nil {
			t.Fatal(err)
		}
		director.Address(t, "br0", "10.205.0.1/24")
	})
	settled(t, changes)
	select {
	case n := <-failures:
		t.Errorf("%v was deleted by hand, but told as failed", n)
	default:
	}
}

// script is a source of prepared answers; it waits for more at their end.
type script struct {
	ctx   context.Context
	steps []step
}

type step struct {
	after    time.Duration
	messages []syscall.NetlinkMessage
	err      error
}

func (s *script) next() ([]syscall.NetlinkMessage, error) {
	if len(s.steps) == 0 {
		<-s.ctx.Done()
		return nil, context.Canceled
	}
	now := s.steps[0]
	s.steps = s.steps[1:]
	time.Sleep(now.after)
	return now.messages, now.err
}

// play goes through the steps and returns when changed was called and which
// neighbours had failed by the end.
func play(t *testing.T, steps ...step) (called []time.Duration, failures []Neighbour) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began, messages := time.Now(), make(chan []syscall.NetlinkMessage)
		go receive(ctx, &script{ctx, steps}, messages)
		go tell(ctx, messages,
			func() { called = append(called, time.Since(began)) },
			func(n Neighbour) { failures = append(failures, n) })
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
	})
	return called, failures
}

func route(after time.Duration) step {
	return step{after: after, messages: []syscall.NetlinkMessage{{Header: syscall.NlMsghdr{Type: unix.RTM_NEWROUTE}}}}
}

func neighbour(kind uint16, state uint16) step {
	data := make([]byte, unix.SizeofNdMsg, unix.SizeofNdMsg+8)
	data[0], data[4], data[8] = unix.AF_INET, 7, byte(state)
	data = append(data, 8, 0, unix.NDA_DST, 0, 10, 201, 0, 11)
	return step{after: time.Millisecond, messages: []syscall.NetlinkMessage{{Header: syscall.NlMsghdr{Type: kind}, Data: data}}}
}

func TestDebounce(t *testing.T) {
	const ms = time.Millisecond
	cases := []struct {
		name  string
		steps []step
		want  []time.Duration
	}{
		{"nothing happens", nil, []time.Duration{0}},
		{"one change", []step{route(100 * ms)}, []time.Duration{0, 150 * ms}},
		{"a burst", []step{route(100 * ms), route(ms), route(ms)}, []time.Duration{0, 150 * ms}},
		{"changes without pause do not put it off", slices.Repeat([]step{route(40 * ms)}, 4),
			[]time.Duration{0, 90 * ms, 170 * ms}},
		{"messages lost", []step{{after: 100 * ms, err: unix.ENOBUFS}}, []time.Duration{0, 150 * ms}},
		{"socket fails, once", []step{{after: 100 * ms, err: errors.New("odd")}, route(100 * ms)},
			[]time.Duration{0, 1150 * ms, 1250 * ms}},
		{"neighbours are no change", []step{neighbour(unix.RTM_NEWNEIGH, unix.NUD_FAILED)}, []time.Duration{0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, _ := play(t, c.steps...); !slices.Equal(got, c.want) {
				t.Errorf("changed at %v, want %v", got, c.want)
			}
		})
	}
}

func TestFailedNeighbours(t *testing.T) {
	failed := neighbour(unix.RTM_NEWNEIGH, unix.NUD_FAILED)
	cases := []struct {
		name  string
		steps []step
		want  int
	}{
		{"failed", []step{failed}, 1},
		{"reachable", []step{neighbour(unix.RTM_NEWNEIGH, unix.NUD_REACHABLE)}, 0},
		{"failed and back at once", []step{failed, neighbour(unix.RTM_NEWNEIGH, unix.NUD_REACHABLE)}, 0},
		{"deleted by hand", []step{failed, neighbour(unix.RTM_DELNEIGH, unix.NUD_FAILED)}, 0},
		{"failed twice in a burst", []step{failed, failed}, 1},
		{"message cut short", []step{{messages: []syscall.NetlinkMessage{
			{Header: syscall.NlMsghdr{Type: unix.RTM_NEWNEIGH}, Data: []byte{2}}}}}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, got := play(t, c.steps...)
			if len(got) != c.want {
				t.Fatalf("failed %v, want %d", got, c.want)
			}
			if want := (Neighbour{addr("10.201.0.11"), 7}); c.want > 0 && got[0] != want {
				t.Errorf("failed %v, want %v", got[0], want)
			}
		})
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	var table *Table
	s := nstest.New(t)
	s.Enter(t, func() { table = open(t) })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- table.Watch(ctx, cancel, func(Neighbour) {}) }()
	if err := wait(t, done, "Watch to end"); err != nil {
		t.Error(err)
	}
}
