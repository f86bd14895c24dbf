//go:build linux

package director_test

import (
	"net"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ballast-lb/ballast/test/lab"
)

// bpfQuery is the part of union bpf_attr for BPF_PROG_QUERY, of linux/bpf.h.
type bpfQuery struct {
	ifindex, attach, queryFlags, attachFlags uint32
	programs                                 uint64
	count                                    uint32
	_                                        uint32
	_                                        [4]uint64
}

// programsAt is how many BPF programs look at what comes in by an interface.
func programsAt(t *testing.T, n *lab.Node, ifname string) int {
	t.Helper()
	q := bpfQuery{attach: unix.BPF_TCX_INGRESS}
	err := n.Do(func() error {
		ifc, err := net.InterfaceByName(ifname)
		if err != nil {
			return err
		}
		q.ifindex = uint32(ifc.Index)
		_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_QUERY, uintptr(unsafe.Pointer(&q)), unsafe.Sizeof(q))
		if errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		t.Fatalf("Query the programs at %s: %v", ifname, err)
	}
	return int(q.count)
}
