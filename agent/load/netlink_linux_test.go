package load

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPortFilter runs the filter as the kernel does (inet_diag_bc_run in
// net/ipv4/inet_diag.c), after the checks that it makes of it first
// (inet_diag_bc_audit).
func TestPortFilter(t *testing.T) {
	for _, want := range []uint16{1, 80, 8080, 65535} {
		filter := portFilter(want)
		audit(t, filter)
		for _, port := range []uint16{0, 1, 79, 80, 81, 8079, 8080, 8081, 65534, 65535} {
			if got := runFilter(filter, port); got != (port == want) {
				t.Errorf("filter for %d: port %d is taken: %v", want, port, got)
			}
		}
	}
}

func op(b []byte) (code, yes byte, no int) {
	return b[0], b[1], int(binary.NativeEndian.Uint16(b[2:]))
}

func runFilter(filter []byte, port uint16) bool {
	left := len(filter)
	for left > 0 {
		at := filter[len(filter)-left:]
		code, yes, no := op(at)
		_, _, bound := op(at[sizeofInetDiagOp:])
		if code == inetDiagBcSGe && int(port) >= bound || code == inetDiagBcSLe && int(port) <= bound {
			left -= int(yes)
		} else {
			left -= no
		}
	}
	return left == 0
}

func audit(t *testing.T, filter []byte) {
	t.Helper()
	for left := len(filter); left > 0; {
		code, yes, no := op(filter[len(filter)-left:])
		if code != inetDiagBcSGe && code != inetDiagBcSLe {
			t.Fatalf("operation %d at %d", code, len(filter)-left)
		}
		if no < 8 || no > left+4 || no%4 != 0 || yes < 8 || int(yes) > left+4 || yes%4 != 0 {
			t.Fatalf("jumps yes=%d no=%d with %d bytes left", yes, no, left)
		}
		left -= int(yes)
	}
}

func TestDiagRequest(t *testing.T) {
	b := diagRequest(unix.AF_INET6)
	if len(b) != 56 || b[0] != unix.AF_INET6 || b[1] != unix.IPPROTO_TCP {
		t.Errorf("request % x", b)
	}
	if states := binary.NativeEndian.Uint32(b[4:]); states != 1<<1 {
		t.Errorf("states %#x, want established only", states)
	}
}
