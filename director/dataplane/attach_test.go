package dataplane

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

type space struct{ veth, peer string }

// namespace puts the test's thread in a network namespace of its own, with a
// pair of veth. The thread ends with the test.
func namespace(t *testing.T) space {
	t.Helper()
	require(t)
	runtime.LockOSThread()
	before, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netns.Set(before); err == nil {
			runtime.UnlockOSThread()
		}
		fresh.Close()
		before.Close()
	})
	s := space{fmt.Sprintf("a%d", os.Getpid()), fmt.Sprintf("b%d", os.Getpid())}
	s.add(t)
	return s
}

func (s space) add(t *testing.T) {
	t.Helper()
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: s.veth}, PeerName: s.peer}); err != nil {
		t.Fatal(err)
	}
}

func (s space) remove(t *testing.T) {
	t.Helper()
	l, err := netlink.LinkByName(s.veth)
	if err == nil {
		err = netlink.LinkDel(l)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// programs lists what is at the ingress of an interface.
func programs(t *testing.T, ifindex int) []ebpf.ProgramID {
	t.Helper()
	res, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: ebpf.AttachTCXIngress})
	if err != nil {
		t.Fatal(err)
	}
	var ids []ebpf.ProgramID
	for _, p := range res.Programs {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestProgramStaysAttachedAndIsReplaced(t *testing.T) {
	ns := namespace(t)
	o := small(bpffs(t))
	p := mustOpen(t, o)
	for range 2 { // the second time is nothing
		if err := p.Attach(ns.veth); err != nil {
			t.Fatal(err)
		}
	}
	all, err := p.Attached()
	if err != nil || len(all) != 1 || all[0].Name != ns.veth {
		t.Fatalf("attached %v %v", all, err)
	}
	first := programs(t, all[0].Ifindex)
	mustClose(t, p)
	if now := programs(t, all[0].Ifindex); len(now) != 1 || now[0] != first[0] {
		t.Errorf("programs after closing %v, before %v", now, first)
	}
	p = mustOpen(t, o)
	if now := programs(t, all[0].Ifindex); len(now) != 1 || now[0] == first[0] {
		t.Errorf("programs after opening %v, before %v", now, first)
	}
	if err := p.Detach(ns.veth); err != nil {
		t.Fatal(err)
	}
	if now := programs(t, all[0].Ifindex); len(now) != 0 {
		t.Errorf("programs after detaching %v", now)
	}
}

func TestInterfaceThatReturns(t *testing.T) {
	ns := namespace(t)
	o := small(bpffs(t))
	p := mustOpenSpec(t, o, specWith(t, unchanged))
	if err := p.Attach(ns.veth); err != nil {
		t.Fatal(err)
	}
	ns.remove(t)
	if all, err := p.Attached(); err != nil || len(all) != 0 {
		t.Errorf("attached to what is gone: %v %v", all, err)
	}
	ns.add(t)
	if err := p.Attach(ns.veth); err != nil {
		t.Fatal(err)
	}
	ns.remove(t)
	mustClose(t, p)
	p = mustOpenSpec(t, o, specWith(t, unchanged)) // a link without interface is no obstacle
	if err := p.Attach(ns.veth); err == nil {
		t.Error("attached to an interface that does not exist")
	}
}

func TestTwoDirectorsAtOneInterface(t *testing.T) {
	ns := namespace(t)
	one, two := small(bpffs(t)), small(bpffs(t))
	p, q := mustOpenSpec(t, one, specWith(t, unchanged)), mustOpenSpec(t, two, specWith(t, unchanged))
	if err := errors.Join(p.Attach(ns.veth), q.Attach(ns.veth)); err != nil {
		t.Fatal(err)
	}
	all, err := p.Attached()
	if err != nil {
		t.Fatal(err)
	}
	before := programs(t, all[0].Ifindex)
	mustClose(t, p)
	if err := Unload(one.Dir, nil); err != nil {
		t.Fatal(err)
	}
	if now := programs(t, all[0].Ifindex); len(before) != 2 || !slices.Equal(now, before[1:]) {
		t.Errorf("programs %v became %v, want the second director's", before, now)
	}
	if _, err := os.Stat(one.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", one.Dir, err)
	}
}
