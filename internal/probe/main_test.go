package probe

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ballast-lb/ballast/internal/skip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// must makes the check.
func must(t testing.TB, spec Spec) Check {
	t.Helper()
	check, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return check
}

// probe makes one check with a timeout that a healthy loopback never reaches,
// unless the case is about timeouts.
func probe(t testing.TB, spec Spec, target Target, timeout time.Duration) (Result, error) {
	t.Helper()
	ctx, cancel := WithTimeout(t.Context(), timeout)
	defer cancel()
	return must(t, spec)(ctx, target)
}

const ample = 10 * time.Second

// listen opens a TCP listener on loopback that nobody accepts from.
func listen(t testing.TB, addr string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		if strings.HasPrefix(addr, "[") {
			skip.UnlessCI(t, "no IPv6 loopback: %v", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// closedPort is an address that refuses connections.
func closedPort(t testing.TB) netip.AddrPort {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	addr := addrOf(l.Addr())
	_ = l.Close()
	return addr
}

func addrOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

// wantErr compares an error with text in which ADDR stands for the target.
func wantErr(t *testing.T, err error, target Target, want string) {
	t.Helper()
	want = strings.ReplaceAll(want, "ADDR", target.Addr.String())
	switch {
	case err == nil && want != "":
		t.Errorf("no error, want %q", want)
	case err != nil && err.Error() != want:
		t.Errorf("error %q, want %q", err, want)
	}
}
