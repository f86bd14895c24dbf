package control

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Service that remembers what it was asked and answers what it
// was told to.
type recorder struct {
	mu          sync.Mutex
	calls       []string
	request     ExplainRequest
	override    Override
	status      Status
	explanation Explanation
	err         error
	block       chan struct{} // Status waits until it is closed or the request ends
}

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, fmt.Sprintf(format, args...))
}

func (r *recorder) Status(ctx context.Context) (Status, error) {
	r.note("status")
	if r.block != nil {
		select {
		case <-r.block:
		case <-ctx.Done():
			return Status{}, ctx.Err()
		}
	}
	return r.status, r.err
}

func (r *recorder) Explain(_ context.Context, q ExplainRequest) (Explanation, error) {
	r.note("explain %s", q.Name)
	r.request = q
	return r.explanation, r.err
}

func (r *recorder) SetOverride(_ context.Context, o Override) (Override, error) {
	r.note("set %s", o.Server)
	r.override = o
	o.Matches = 2
	return o, r.err
}

func (r *recorder) ClearOverride(_ context.Context, server, name string) (int, error) {
	r.note("clear %s %s", server, name)
	return 1, r.err
}

// serve runs s behind a socket in a fresh directory until the test ends.
func serve(t *testing.T, s Service) (path string) {
	t.Helper()
	path = filepath.Join(socketDir(t), socketName)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	run(t, l, s)
	return path
}

// run serves s on l and returns a function that ends it.
func run(t *testing.T, l net.Listener, s Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, s, t.Logf) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// socketDir is t.TempDir with a name short enough for a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ballast")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}
